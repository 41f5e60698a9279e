import { removeKey } from '../../engine/keys.ts'
import { findSlot } from '../../trust/keys/change-slots.ts'
import type { Cli } from '../cli.ts'
import { confirm } from '../confirm.ts'
import { printable } from '../printable.ts'
import { shortId } from '../snapshot-text.ts'
import { withKeys } from '../with-keys.ts'

export interface RemoveOptions {
  readonly yes?: true
}

export async function removeSlot (cli: Cli, reference: string, { yes }: RemoveOptions): Promise<void> {
  await withKeys(cli, async ({ repository, keys, records }) => {
    const { id, label } = findSlot(records, reference)
    if (yes !== true) await confirm(cli, `Remove slot ${shortId(id)} (${printable(label)})?`)
    const removed = await removeKey(repository, keys, id, { signal: cli.signal })
    await cli.output.result(removed, () => { cli.output.line(`removed slot ${shortId(id)} (${printable(label)})`) })
  })
}
