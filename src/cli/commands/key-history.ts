import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addKeyHistory (parent: Command, cli: Cli): void {
  const command = parent.command('history').description('Show what was done to the keys, oldest first, as their records tell it.').action(async () => {
    const { showKeyHistory } = await import('../acts/key-history.ts')
    await showKeyHistory(cli)
  })
  addExamples(command, [['caf key history', 'also of slots that are gone']])
}
