import { BackupError } from '../../errors.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'
import { changeKey, claimRecord, nextChange, readKeyRecords, slotKey } from './key-records.ts'
import type { ChangeRecord, KeyRecords } from './key-records.ts'
import { liveSlots } from './slots.ts'
import type { UnlockedKeys } from './unlocked-keys.ts'

/** What was done to the keys, as the log tells it. */
export interface KeyChange {
  readonly act: 'add' | 'remove' | 'rotate'
  /** The slot's id, 32 hex digits; not of a rotation. */
  readonly slot?: string
  readonly generation: number
  readonly label?: string
}

export interface ChangeKeysOptions extends AbortOptions {
  /** ISO 8601. @default the time */
  readonly now?: string
  /** So many random bytes. @default crypto.randomBytes */
  readonly random?: (length: number) => Uint8Array
}

export type ChangeDraft = Pick<ChangeRecord, 'act' | 'slot' | 'label'>

/**
 * Puts one change into the order of all changes of the newest generation. `decide` sees everything that came before: when another change comes first, it is asked again.
 * Once a rotation has begun there are no more changes to that generation.
 * @returns what `decide` looked at; undefined when it gave up
 * @throws {BackupError} `REPOSITORY_BUSY` while a rotation is not finished; `STORAGE_…`
 */
export async function commitChange (backend: Pick<StorageBackend, 'get' | 'put' | 'list'>, decide: (records: KeyRecords) => ChangeDraft | undefined, { now, signal }: AbortOptions & { readonly now: string }): Promise<KeyRecords | undefined> {
  for (;;) {
    const records = await readKeyRecords(backend, { signal })
    const draft = decide(records)
    if (draft === undefined) return undefined
    if (rotationBegun(records)) {
      throw new BackupError('REPOSITORY_BUSY', 'a rotation of the keys has begun and is not finished; if nobody is at it, `caf key rotate` finishes it', { data: { generation: records.newest } })
    }
    const key = changeKey(records.newest, nextChange(records, records.newest))
    if (await claimRecord(backend, key, { kind: 'change', created: now, ...draft }, { signal })) return records
  }
}

/** True if the slots of the newest generation are final, because the next one is being made. */
export function rotationBegun ({ changes, newest }: KeyRecords): boolean {
  return changes.some(({ act, generation }) => act === 'rotate' && generation === newest)
}

/** @throws {BackupError} `REPOSITORY_BUSY` when the keys were rotated since they were opened */
export function checkNewest ({ newest, generations }: KeyRecords, keys: UnlockedKeys): void {
  if (generations.some(({ generation, recipient }) => generation === newest && recipient === keys.recipient)) return
  throw new BackupError('REPOSITORY_BUSY', 'the keys were rotated meanwhile; do it again', { data: { generation: newest } })
}

/** Deletes the slots that open nothing any more: removed ones, those of older generations, and those of rotations that another one preceded. */
export async function sweepSlots (backend: Pick<StorageBackend, 'get' | 'list' | 'delete'>, options: AbortOptions = {}): Promise<void> {
  const records = await readKeyRecords(backend, options)
  if (!records.generations.some(({ generation }) => generation === records.newest)) return
  const live = new Set(liveSlots(records).map(({ id }) => id))
  // Those of a coming generation are of a rotation at work.
  const dead = records.slots.filter(({ id, generation }) => generation <= records.newest && !live.has(id))
  for (const { id } of dead) await backend.delete(slotKey(id), options)
}
