import { addKey } from '../../engine/keys.ts'
import { BackupError } from '../../errors.ts'
import type { SlotOwner } from '../../trust/keys/slots.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { shortId } from '../snapshot-text.ts'
import { newSecret } from '../secret-prompt.ts'
import { withKeys } from '../with-keys.ts'

export interface AddOptions extends GlobalOptions {
  readonly recipient?: string
  readonly newSecretFile?: string
  readonly label?: string
}

export async function addSlot (cli: Cli, options: AddOptions): Promise<void> {
  await withKeys(cli, async ({ repository, keys }) => {
    const owner = await ownerOf(cli, options)
    const added = await addKey(repository, keys, { owner, label: options.label ?? ('recipient' in owner ? owner.recipient : 'secret'), signal: cli.signal })
    await cli.output.result(added, () => { cli.output.line(`added slot ${shortId(added.slot ?? '')}`) })
  })
}

async function ownerOf (cli: Cli, { recipient, newSecretFile }: AddOptions): Promise<SlotOwner> {
  if (recipient === undefined) return { secret: await newSecret(cli, newSecretFile, '--new-secret-file') }
  if (newSecretFile !== undefined) throw new BackupError('INVALID_OPTION', 'a slot is for a secret or for a recipient: add two')
  return { recipient }
}
