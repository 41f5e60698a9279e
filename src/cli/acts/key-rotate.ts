import { Secret } from '../../config/secret.ts'
import { rotateKey } from '../../engine/keys.ts'
import { findSlot } from '../../trust/keys/change-slots.ts'
import type { Slot } from '../../trust/keys/key-records.ts'
import { isOurs, liveSlots } from '../../trust/keys/slots.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { confirm } from '../confirm.ts'
import { printable } from '../printable.ts'
import { shortId } from '../snapshot-text.ts'
import { withKeys } from '../with-keys.ts'
import type { OpenedKeys } from '../with-keys.ts'

export interface RotateOptions extends GlobalOptions {
  readonly drop?: readonly string[]
  readonly keepSecretFile?: readonly string[]
  readonly yes?: true
}

export async function rotate (cli: Cli, options: RotateOptions): Promise<void> {
  await withKeys(cli, async opened => { await rotateOpened(cli, opened, options) })
}

async function rotateOpened (cli: Cli, { repository, keys, records, config }: OpenedKeys, options: RotateOptions): Promise<void> {
  const drop = (options.drop ?? []).map(reference => findSlot(records, reference).id)
  const secrets = await keptSecrets(cli, config.secret, options)
  if (options.yes !== true) await confirm(cli, `Rotate the key, which then opens for ${names(liveSlots(records).filter(slot => !drop.includes(slot.id) && isOurs(slot, keys.newest)))}?`)
  const { keys: { recipient }, kept, dropped, ...change } = await rotateKey(repository, keys, { secrets, drop, signal: cli.signal })
  await cli.output.result({ ...change, recipient, kept: kept.map(document), dropped: dropped.map(document) }, () => {
    cli.output.line(`generation ${change.generation}, for ${names(kept)}`)
    if (dropped.length > 0) cli.output.line(`without ${names(dropped)}`)
    cli.output.line(`its recipient is ${recipient}; hosts that only write need it, running programs must be restarted, and the recovery sheet printed anew (\`caf key export\`)`)
  })
}

/** The secret in use may be that of no slot: then an identity opened the repository. */
async function keptSecrets ({ terminal: { cwd, env } }: Cli, own: Secret | undefined, { keepSecretFile = [] }: RotateOptions): Promise<string[]> {
  const others = keepSecretFile.map(file => new Secret({ file }, { field: '--keep-secret-file', folder: cwd, env }))
  return await Promise.all([...(own === undefined ? [] : [own]), ...others].map(async secret => await secret.reveal()))
}

function names (slots: readonly Slot[]): string {
  return slots.map(({ id, label }) => `${printable(label)} (${shortId(id)})`).join(', ')
}

function document ({ kind, label, recipient }: Slot): Readonly<Record<string, unknown>> {
  return { kind, label, recipient }
}
