import type { Command } from 'commander'
import { Cli } from '../../src/cli/cli.ts'
import { createProgram } from '../../src/cli/program.ts'
import { processTerminal } from '../../src/cli/terminal.ts'

/** The command tree, to be looked at. */
export function commandTree (): Command {
  return createProgram(new Cli(processTerminal(), new AbortController().signal))
}
