import { Argument } from 'commander'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { SHELLS } from '../completion/shell.ts'
import type { Shell } from '../completion/shell.ts'
import { addExamples } from '../examples.ts'

export function addCompletion (program: Command, cli: Cli): void {
  const command = program.command('completion').description('Print a script that completes commands and options in your shell.')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(async (shell: Shell) => {
      const { printCompletion } = await import('../acts/completion.ts')
      await printCompletion(cli, program, shell)
    })
  addExamples(command, [
    ['source <(caf completion bash)', 'in this bash; put the line into ~/.bashrc to keep it'],
    ['caf completion zsh > "${fpath[1]}/_caf"', 'in every new zsh'],
    ['caf completion fish > ~/.config/fish/completions/caf.fish', 'in every new fish'],
  ])
}
