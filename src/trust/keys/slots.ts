import { isBackupError } from '../../errors.ts'
import { unwrapWithIdentities, unwrapWithSecret, wrapForRecipients, wrapWithSecret } from './age-file.ts'
import { checkRecipient } from './age-identity.ts'
import { identityBytes } from './generation.ts'
import type { OpenGeneration } from './generation.ts'
import type { KeyRecords, Slot, SlotRecord } from './key-records.ts'
import { hasMac, recordMac } from './record-mac.ts'
import { checkSecret } from './secret-strength.ts'

/** Who a slot is for: who knows a secret, or who has the identity of an age recipient. */
export type SlotOwner = { readonly secret: string } | { readonly recipient: string }

/** What somebody has to open a repository with; both are tried when both are there. */
export interface Credentials {
  readonly secret?: string | undefined
  /** Identities (`AGE-SECRET-KEY-1…`): of a generation, as on a recovery sheet, or of a slot's recipient. */
  readonly identities?: readonly string[] | undefined
}

/** What tries one slot; tests count the attempts. */
export type TrySlot = (file: Uint8Array, credentials: Credentials) => Promise<Uint8Array | undefined>

/** Files by stock age may cost that much (log N 18, 256 MiB), ours cost less. */
const MAX_WORK_FACTOR = 18

/** @throws {BackupError} `SECRET_WEAK`, `INVALID_OPTION` for what is no recipient */
export async function checkOwner (owner: SlotOwner): Promise<void> {
  if ('secret' in owner) checkSecret(owner.secret)
  else await checkRecipient(owner.recipient)
}

/** A slot that opens `generation`. */
export async function newSlot ({ identity, recipient: opens, number }: OpenGeneration, owner: SlotOwner, { label, created }: Pick<SlotRecord, 'label' | 'created'>): Promise<SlotRecord> {
  const payload = identityBytes(identity)
  const file = 'secret' in owner ? await wrapWithSecret(payload, owner.secret) : await wrapForRecipients(payload, [owner.recipient])
  const content = {
    kind: 'secret' in owner ? 'secret' as const : 'recipient' as const, created, label, generation: number, opens,
    ...('recipient' in owner && { recipient: owner.recipient }), file: Buffer.from(file).toString('base64'),
  }
  return { ...content, mac: recordMac(content, identity) }
}

/** The slots that open the newest generation and were not removed. What else is there was left behind by something that was cut off. */
export function liveSlots ({ generations, slots, changes, newest }: KeyRecords): Slot[] {
  const recipient = generations.find(({ generation }) => generation === newest)?.recipient
  const removed = new Set(changes.filter(({ act }) => act === 'remove').map(({ slot }) => slot))
  return slots.filter(({ id, opens }) => opens === recipient && !removed.has(id))
}

/** True if the slot was made by who could open the repository: anybody who can write the storage could put one there, for a rotation to take over. */
export function isOurs ({ id: _id, ...record }: Slot, { identity }: OpenGeneration): boolean {
  return hasMac(record, identity)
}

/**
 * The slots that `credentials` open, with the identity each holds. Tries all of them, whatever it found before, one after
 * another (each secret slot takes 32 MiB), so that how long it takes tells nothing.
 */
export async function openSlots (slots: readonly Slot[], credentials: Credentials, trySlot: TrySlot = openFile): Promise<Array<{ slot: Slot, identity: string }>> {
  const opened: Array<{ slot: Slot, identity: string }> = []
  for (const slot of slots) {
    const payload = await trySlot(Buffer.from(slot.file, 'base64'), applicable(slot, credentials)).catch(ignoreBroken)
    if (payload !== undefined) opened.push({ slot, identity: Buffer.from(payload).toString().trim() })
  }
  return opened
}

async function openFile (file: Uint8Array, { secret, identities = [] }: Credentials): Promise<Uint8Array | undefined> {
  if (secret !== undefined) return await unwrapWithSecret(file, secret, { maxWorkFactor: MAX_WORK_FACTOR })
  return identities.length === 0 ? undefined : await unwrapWithIdentities(file, identities)
}

function applicable ({ kind }: Slot, { secret, identities }: Credentials): Credentials {
  return kind === 'secret' ? { secret } : { identities }
}

/** A damaged or hostile slot must not keep others from opening. */
function ignoreBroken (error: unknown): undefined {
  if (!isBackupError(error, 'SEAL_BROKEN')) throw error
}
