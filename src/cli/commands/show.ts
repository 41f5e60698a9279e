import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addShow (program: Command, cli: Cli): void {
  const command = program.command('show').description('Show what one snapshot is: when, of what, from which sources.')
    .argument('<snapshot>', 'an id or the beginning of one, a root CID, latest, or <project>/latest')
    .action(async (reference: string) => {
      const { show } = await import('../acts/show.ts')
      await show(cli, reference)
    })
  addExamples(command, [
    ['caf show latest', 'the newest snapshot'],
    ['caf show psyche/latest', 'the newest one of a project'],
    ['caf show 3f9a --json', 'one by the beginning of its id, for a program'],
  ])
}
