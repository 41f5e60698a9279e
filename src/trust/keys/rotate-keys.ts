import { randomBytes } from 'node:crypto'
import { createRecord } from '../../cas/records.ts'
import { SEALING_KEY_BYTES } from '../../cas/sealing.ts'
import { BackupError } from '../../errors.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import { newGeneration } from './generation.ts'
import { checkNewest, commitChange, rotationBegun, sweepSlots } from './key-changes.ts'
import type { ChangeKeysOptions, KeyChange } from './key-changes.ts'
import { claimRecord, generationKey, readKeyRecords, slotKey } from './key-records.ts'
import type { KeyRecords, Slot } from './key-records.ts'
import { isOurs, liveSlots, newSlot, openSlots } from './slots.ts'
import type { SlotOwner } from './slots.ts'
import { unlockKeys } from './unlock-keys.ts'
import type { UnlockedKeys } from './unlocked-keys.ts'

export interface RotateKeysOptions extends ChangeKeysOptions {
  /** The secrets of the slots that stay; those of recipients stay by themselves. @default [] */
  readonly secrets?: readonly string[]
  /** Ids of the slots whose owners are left out. @default [] */
  readonly drop?: readonly string[]
}

export interface RotatedKeys extends KeyChange {
  readonly keys: UnlockedKeys
  /** As they were before: each has another id now. */
  readonly kept: readonly Slot[]
  readonly dropped: readonly Slot[]
}

/** A slot of the generation before, and who it is for. */
interface Kept {
  readonly slot: Slot
  readonly owner: SlotOwner
}

/**
 * Makes a new generation: what is written from now on is sealed with another key, which the owners of dropped slots cannot get. What was written before stays as it is,
 * and the new generation opens it. Every slot must be accounted for: kept by itself, kept by its secret, or dropped by name.
 * @throws {BackupError} `INVALID_OPTION` naming the slots whose secrets are missing; `KEY_LAST` when none would be left; `REPOSITORY_BUSY` when another rotation was first; `STORAGE_…`
 */
export async function rotateKeys (backend: StorageBackend, keys: UnlockedKeys, options: RotateKeysOptions = {}): Promise<RotatedKeys> {
  const { now = new Date().toISOString(), random = randomBytes, signal } = options
  const { kept, dropped } = await closeGeneration(backend, keys, options, now)
  const { generation, record } = await newGeneration({ previous: keys.newest, logSeed: keys.logSeed, key: random(SEALING_KEY_BYTES), created: now })
  const ids: string[] = []
  for (const { slot: { label }, owner } of kept) {
    const id = Buffer.from(random(16)).toString('hex')
    await createRecord(backend, slotKey(id), await newSlot(generation, owner, { label, created: now }), { signal })
    ids.push(id)
  }
  // Last: from here on it is the newest generation, and has all its slots.
  if (!await claimRecord(backend, generationKey(generation.number), record, { signal })) {
    for (const id of ids) await backend.delete(slotKey(id), { signal })
    throw new BackupError('REPOSITORY_BUSY', 'another rotation was first; look with `caf key list`', { data: { generation: generation.number } })
  }
  await sweepSlots(backend, { signal })
  return { act: 'rotate', generation: generation.number, keys: await unlockKeys(backend, { identities: [generation.identity] }, { signal }), kept: kept.map(({ slot }) => slot), dropped }
}

/** Decides who stays, and lets nobody change the slots of the old generation any more; also where a rotation was cut off after that. */
async function closeGeneration (backend: StorageBackend, keys: UnlockedKeys, options: RotateKeysOptions, now: string): Promise<{ kept: Kept[], dropped: Slot[] }> {
  const { signal } = options
  for (;;) {
    const records = await readKeyRecords(backend, { signal })
    checkNewest(records, keys)
    const decision = await decideSlots(records, keys, options)
    if (rotationBegun(records)) return decision
    const decided = idsOf(records)
    // Finding out what a secret opens takes time: what was decided counts only if nothing has changed until then.
    const before = await commitChange(backend, current => {
      checkNewest(current, keys)
      return idsOf(current) === decided ? { act: 'rotate' } : undefined
    }, { now, signal })
    if (before !== undefined) return decision
  }
}

function idsOf (records: KeyRecords): string {
  return liveSlots(records).map(({ id }) => id).join()
}

/** Slots that were not made by who could open the repository are dropped in any case. */
async function decideSlots (records: KeyRecords, keys: UnlockedKeys, { secrets = [], drop = [] }: RotateKeysOptions): Promise<{ kept: Kept[], dropped: Slot[] }> {
  const live = liveSlots(records)
  const unknown = drop.find(id => !live.some(slot => slot.id === id))
  if (unknown !== undefined) throw new BackupError('INVALID_OPTION', `there is no slot ${unknown}; \`caf key list\` shows them all`, { data: { slot: unknown } })
  const staying = live.filter(slot => !drop.includes(slot.id) && isOurs(slot, keys.newest))
  const bySecret = await slotsOfSecrets(staying, secrets)
  const kept = staying.map(slot => ({ slot, owner: ownerOf(slot, bySecret) })).filter(isKnown)
  refuseMissing(staying.filter(slot => !kept.some(({ slot: { id } }) => id === slot.id)))
  if (kept.length === 0) throw new BackupError('KEY_LAST', 'without any slot nobody could open the repository; keep one, or add another first')
  return { kept, dropped: live.filter(slot => !staying.includes(slot)) }
}

function ownerOf ({ id, recipient }: Slot, bySecret: ReadonlyMap<string, string>): SlotOwner | undefined {
  const secret = bySecret.get(id)
  if (recipient !== undefined) return { recipient }
  return secret === undefined ? undefined : { secret }
}

function isKnown (kept: { readonly slot: Slot, readonly owner: SlotOwner | undefined }): kept is Kept {
  return kept.owner !== undefined
}

function refuseMissing (slots: readonly Slot[]): void {
  if (slots.length === 0) return
  const names = slots.map(({ id, label }) => `${id.slice(0, 12)} (${label})`).join(', ')
  throw new BackupError('INVALID_OPTION', `the secrets of these slots are needed to keep them: ${names}; give each one's secret, or drop it by name`, { data: { slots: slots.map(({ id }) => id) } })
}

async function slotsOfSecrets (slots: readonly Slot[], secrets: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const secret of secrets) {
    for (const { slot } of await openSlots(slots.filter(({ kind }) => kind === 'secret'), { secret })) found.set(slot.id, secret)
  }
  return found
}
