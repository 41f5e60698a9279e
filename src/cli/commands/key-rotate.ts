import type { Command } from 'commander'
import type { RotateOptions } from '../acts/key-rotate.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { repeated } from '../option-values.ts'

export function addKeyRotate (parent: Command, cli: Cli): void {
  const command = parent.command('rotate').description('Seal what is written from now on with a new key, which the owners of dropped slots cannot get. What is there stays readable.')
    .option('--drop <slot>', 'leave this slot out, by id or label (may be repeated)', repeated)
    .option('--keep-secret-file <file>', 'file with the secret of a slot that stays; the secret in use stays by itself (may be repeated)', repeated)
    .option('-y, --yes', 'do not ask')
    .action(async (_options: unknown, self: Command) => {
      const { rotate } = await import('../acts/key-rotate.ts')
      await rotate(cli, self.optsWithGlobals<RotateOptions>())
    })
  addExamples(command, [
    ['caf key rotate', 'recipients and the secret in use stay'],
    ['caf key rotate --drop anna', 'without her'],
    ['caf key rotate --keep-secret-file ci.secret', 'where there is a slot for another secret'],
  ])
}
