import { randomBytes } from 'node:crypto'
import { createRecord } from '../../cas/records.ts'
import { BackupError } from '../../errors.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import { checkNewest, commitChange, sweepSlots } from './key-changes.ts'
import type { ChangeKeysOptions, KeyChange } from './key-changes.ts'
import { readKeyRecords, slotKey } from './key-records.ts'
import type { KeyRecords, Slot } from './key-records.ts'
import { checkOwner, isOurs, liveSlots, newSlot, openSlots } from './slots.ts'
import type { SlotOwner } from './slots.ts'
import type { UnlockedKeys } from './unlocked-keys.ts'

export interface AddSlotOptions extends ChangeKeysOptions {
  /** What to call it. */
  readonly label: string
}

/**
 * Lets somebody else open the repository too.
 * @throws {BackupError} `SECRET_WEAK`; `INVALID_OPTION` for what is no recipient, or has a slot already; `REPOSITORY_BUSY`, `STORAGE_…`
 */
export async function addSlot (backend: StorageBackend, keys: UnlockedKeys, owner: SlotOwner, { label, now = new Date().toISOString(), random = randomBytes, signal }: AddSlotOptions): Promise<KeyChange> {
  await checkOwner(owner)
  const records = await readKeyRecords(backend, { signal })
  checkNewest(records, keys)
  await refuseSecond(records, owner)
  const id = Buffer.from(random(16)).toString('hex')
  await createRecord(backend, slotKey(id), await newSlot(keys.newest, owner, { label, created: now }), { signal })
  try {
    await commitChange(backend, current => {
      checkNewest(current, keys)
      return { act: 'add', slot: id, label }
    }, { now, signal })
  } catch (error) {
    await backend.delete(slotKey(id)).catch(() => {})
    throw error
  }
  await sweepSlots(backend, { signal })
  return { act: 'add', slot: id, generation: keys.generation, label }
}

/**
 * Takes a slot away. Its owner may have copied what it holds: only a rotation keeps him from what is written afterwards.
 * @param reference see {@link findSlot}
 * @throws {BackupError} `KEY_LAST`; `INVALID_OPTION` when there is no such slot; `REPOSITORY_BUSY`, `STORAGE_…`
 */
export async function removeSlot (backend: StorageBackend, keys: UnlockedKeys, reference: string, { now = new Date().toISOString(), signal }: ChangeKeysOptions = {}): Promise<KeyChange> {
  await sweepSlots(backend, { signal })
  const { id, label } = findSlot(await readKeyRecords(backend, { signal }), reference)
  await commitChange(backend, records => {
    checkNewest(records, keys)
    const others = findOthers(records, id).filter(slot => isOurs(slot, keys.newest))
    if (others.length === 0) throw new BackupError('KEY_LAST', `slot ${id} is the last one: without it nobody could open the repository`, { data: { slot: id } })
    return { act: 'remove', slot: id, label }
  }, { now, signal })
  await sweepSlots(backend, { signal })
  return { act: 'remove', slot: id, generation: keys.generation, label }
}

function findOthers (records: KeyRecords, id: string): Slot[] {
  findSlot(records, id) // somebody else may have removed it
  return liveSlots(records).filter(slot => slot.id !== id)
}

/** The slot of that id, beginning of an id, or label. @throws {BackupError} `INVALID_OPTION` when there is none, or several */
export function findSlot (records: KeyRecords, reference: string): Slot {
  const live = liveSlots(records)
  const byId = reference.length < 4 ? [] : live.filter(({ id }) => id.startsWith(reference))
  const found = byId.length > 0 ? byId : live.filter(({ label }) => label === reference)
  const [slot, another] = found
  if (slot !== undefined && another === undefined) return slot
  const why = slot === undefined ? 'there is no slot' : 'there are several slots'
  throw new BackupError('INVALID_OPTION', `${why} ${reference}; \`caf key list\` shows them all`, { data: { reference, found: found.map(({ id }) => id) } })
}

async function refuseSecond (records: KeyRecords, owner: SlotOwner): Promise<void> {
  const live = liveSlots(records)
  const [same] = 'secret' in owner
    ? (await openSlots(live, { secret: owner.secret })).map(({ slot }) => slot)
    : live.filter(({ recipient }) => recipient === owner.recipient)
  if (same !== undefined) throw new BackupError('INVALID_OPTION', `slot ${same.id.slice(0, 12)} (${same.label}) is for the same ${same.kind} already`, { data: { slot: same.id } })
}
