import { Argument } from 'commander'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { bashCompletion } from '../completion/bash.ts'
import { commandWords, subcommandWords } from '../completion/command-words.ts'
import { fishCompletion } from '../completion/fish.ts'
import { zshCompletion } from '../completion/zsh.ts'
import { addExamples } from '../examples.ts'

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

export function addCompletion (program: Command, cli: Cli): void {
  const command = program.command('completion').description('Print a script that completes commands and options in your shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
    .action(async (shell: keyof typeof SCRIPTS) => {
      const script = SCRIPTS[shell](commandWords(program), subcommandWords(program))
      await cli.output.result({ shell, script }, () => { cli.output.line(script.trimEnd()) })
    })
  addExamples(command, [
    ['source <(caf completion bash)', 'in this bash; put the line into ~/.bashrc to keep it'],
    ['caf completion zsh > "${fpath[1]}/_caf"', 'in every new zsh'],
    ['caf completion fish > ~/.config/fish/completions/caf.fish', 'in every new fish'],
  ])
}
