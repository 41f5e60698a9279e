import { randomUUID } from 'node:crypto'
import type { Repository } from '../cas/repository.ts'
import type { AbortOptions } from '../stream.ts'
import { openLedger } from './ledger.ts'
import { addSlot, removeSlot } from '../trust/keys/change-slots.ts'
import type { KeyChange } from '../trust/keys/key-changes.ts'
import { readLogVkey } from '../trust/keys/log-key.ts'
import { recoverySheet } from '../trust/keys/recovery-sheet.ts'
import type { RecoverySheet } from '../trust/keys/recovery-sheet.ts'
import { rotateKeys } from '../trust/keys/rotate-keys.ts'
import type { RotatedKeys } from '../trust/keys/rotate-keys.ts'
import type { SlotOwner } from '../trust/keys/slots.ts'
import type { UnlockedKeys } from '../trust/keys/unlocked-keys.ts'
import { NEWEST_CHECKPOINT_KEY } from '../trust/log/log-layout.ts'

export interface AddKeyRequest extends AbortOptions {
  readonly owner: SlotOwner
  /** What to call the slot. */
  readonly label: string
}

export interface RotateKeysRequest extends AbortOptions {
  /** The secrets of slots that stay. */
  readonly secrets?: readonly string[]
  /** Ids of the slots that do not. */
  readonly drop?: readonly string[]
}

/** Lets somebody else open the repository too. @throws {BackupError} as {@link addSlot} */
export async function addKey (repository: Repository, keys: UnlockedKeys, { owner, label, signal }: AddKeyRequest): Promise<KeyChange> {
  return await logged(repository, await addSlot(repository.backend, keys, owner, { label, now: repository.now(), signal }), { signal })
}

/** Takes a slot away, by its id or label. @throws {BackupError} as {@link removeSlot} */
export async function removeKey (repository: Repository, keys: UnlockedKeys, reference: string, { signal }: AbortOptions = {}): Promise<KeyChange> {
  return await logged(repository, await removeSlot(repository.backend, keys, reference, { now: repository.now(), signal }), { signal })
}

/** Makes a new generation of the key. Who has the repository open goes on with the old one. @throws {BackupError} as {@link rotateKeys} */
export async function rotateKey (repository: Repository, keys: UnlockedKeys, request: RotateKeysRequest = {}): Promise<RotatedKeys> {
  return await logged(repository, await rotateKeys(repository.backend, keys, { ...request, now: repository.now() }), request)
}

export interface ExportKeyRequest extends AbortOptions {
  /** The text of the policy file, if there is one. */
  readonly policy?: string | undefined
}

/** What has to be kept elsewhere to open the repository and to know it again. */
export async function exportKey (repository: Repository, keys: UnlockedKeys, { policy, signal }: ExportKeyRequest = {}): Promise<RecoverySheet> {
  const { backend, config } = repository
  const checkpoint = await backend.get(NEWEST_CHECKPOINT_KEY, { signal })
  return recoverySheet(keys, {
    date: repository.now(), repository: config.id, location: backend.location, policy,
    log: await readLogVkey(backend, { signal }), checkpoint: checkpoint && Buffer.from(checkpoint).toString(),
  })
}

/** Every change of keys passes here once it is made, and goes into the log. */
async function logged<Change extends KeyChange> (repository: Repository, change: Change, { signal }: AbortOptions): Promise<Change> {
  const { act, slot, generation, label } = change
  const ledger = await openLedger(repository, { traceId: randomUUID(), signal })
  await ledger?.recordDone({ kind: 'key', act, generation, ...(slot !== undefined && { slot }), ...(label !== undefined && { label }) })
  return change
}
