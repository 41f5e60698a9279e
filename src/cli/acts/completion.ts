import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { bashCompletion } from '../completion/bash.ts'
import { commandWords, subcommandWords } from '../completion/command-words.ts'
import { fishCompletion } from '../completion/fish.ts'
import type { Shell } from '../completion/shell.ts'
import { zshCompletion } from '../completion/zsh.ts'

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

export async function printCompletion ({ output }: Cli, program: Command, shell: Shell): Promise<void> {
  const script = SCRIPTS[shell](commandWords(program), subcommandWords(program))
  await output.result({ shell, script }, () => { output.line(script.trimEnd()) })
}
