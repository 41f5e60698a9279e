import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addStats (program: Command, cli: Cli): void {
  const command = program.command('stats').description('Show how much the repository holds and how much of it could be brought back.')
    .action(async () => {
      const { showStats } = await import('../acts/stats.ts')
      await showStats(cli)
    })
  addExamples(command, [
    ['caf stats', 'the figures'],
    ['caf stats --json', 'in bytes, for a program'],
  ])
}
