import type { Command } from 'commander'
import { removeKey } from '../../engine/keys.ts'
import { findSlot } from '../../trust/keys/change-slots.ts'
import type { Cli } from '../cli.ts'
import { confirm } from '../confirm.ts'
import { addExamples } from '../examples.ts'
import { printable } from '../printable.ts'
import { shortId } from '../snapshot-text.ts'
import { withKeys } from '../with-keys.ts'

export function addKeyRemove (parent: Command, cli: Cli): void {
  const command = parent.command('remove').description('Take a slot away. Its owner may have copied the key: `caf key rotate --drop` also protects what is written afterwards.')
    .argument('<slot>', 'its id, the beginning of its id, or its label')
    .option('-y, --yes', 'do not ask')
    .action(async (reference: string, { yes }: { readonly yes?: true }) => {
      await withKeys(cli, async ({ repository, keys, records }) => {
        const { id, label } = findSlot(records, reference)
        if (yes !== true) await confirm(cli, `Remove slot ${shortId(id)} (${printable(label)})?`)
        const removed = await removeKey(repository, keys, id, { signal: cli.signal })
        await cli.output.result(removed, () => { cli.output.line(`removed slot ${shortId(id)} (${printable(label)})`) })
      })
    })
  addExamples(command, [
    ['caf key remove anna', 'by its label'],
    ['caf key remove 3f9a71c0 --yes', 'by its id, from a script'],
  ])
}
