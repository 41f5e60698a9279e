import type { Command } from 'commander'
import type { RemoveOptions } from '../acts/key-remove.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addKeyRemove (parent: Command, cli: Cli): void {
  const command = parent.command('remove').description('Take a slot away. Its owner may have copied the key: `caf key rotate --drop` also protects what is written afterwards.')
    .argument('<slot>', 'its id, the beginning of its id, or its label')
    .option('-y, --yes', 'do not ask')
    .action(async (reference: string, options: RemoveOptions) => {
      const { removeSlot } = await import('../acts/key-remove.ts')
      await removeSlot(cli, reference, options)
    })
  addExamples(command, [
    ['caf key remove anna', 'by its label'],
    ['caf key remove 3f9a71c0 --yes', 'by its id, from a script'],
  ])
}
