import type { Command, Option } from 'commander'
import { Cli } from '../../src/cli/cli.ts'
import { createProgram } from '../../src/cli/program.ts'
import { processTerminal } from '../../src/cli/terminal.ts'

/** The command tree, to be looked at. */
export function commandTree (): Command {
  return createProgram(new Cli(processTerminal(), new AbortController().signal))
}

/** The options of a command and of its acts, as `caf key` has them. */
export function optionsOf (command: Command): readonly Option[] {
  return [command, ...command.commands].flatMap(({ options }) => options)
}
