import { randomBytes } from 'node:crypto'
import { CONFIG_KEY } from '../../cas/layout.ts'
import { createRecord } from '../../cas/records.ts'
import { SEALING_KEY_BYTES } from '../../cas/sealing.ts'
import { BackupError, isBackupError } from '../../errors.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'
import { newGeneration } from './generation.ts'
import { claimRecord, generationKey, slotKey } from './key-records.ts'
import { checkOwner, newSlot } from './slots.ts'
import type { SlotOwner } from './slots.ts'
import { unlockKeys } from './unlock-keys.ts'
import type { UnlockedKeys } from './unlocked-keys.ts'

export interface CreateKeysOptions extends AbortOptions {
  /** Who may open the repository: at least one. With a secret the keys of an `init` that was cut off are taken over. */
  readonly secret?: string | undefined
  /** `age1…` */
  readonly recipients?: readonly string[] | undefined
  /** What to call the slot of the secret. */
  readonly label: string
  /** ISO 8601. @default the time */
  readonly now?: string
  /** So many random bytes. @default crypto.randomBytes */
  readonly random?: (length: number) => Uint8Array
}

/**
 * Makes the keys of a repository that is about to be made: until it has its config there is none, and these are nobody's.
 * @throws {BackupError} `REPOSITORY_EXISTS`; `REPOSITORY_BUSY` when somebody else's keys are there; `SECRET_WEAK`, `INVALID_OPTION`, `STORAGE_…`
 */
export async function createKeys (backend: StorageBackend, options: CreateKeysOptions): Promise<UnlockedKeys> {
  const { secret, recipients = [], label, now = new Date().toISOString(), random = randomBytes, signal } = options
  const owners: SlotOwner[] = [...(secret === undefined ? [] : [{ secret }]), ...recipients.map(recipient => ({ recipient }))]
  if (owners.length === 0) throw new BackupError('INVALID_OPTION', 'a sealed repository needs a secret or a recipient: without one nobody could open it')
  for (const owner of owners) await checkOwner(owner)
  if (await backend.size(CONFIG_KEY, { signal }) !== undefined) {
    throw new BackupError('REPOSITORY_EXISTS', `there is a repository in ${backend.location} already`, { data: { location: backend.location } })
  }
  const { generation, record } = await newGeneration({ key: random(SEALING_KEY_BYTES), logSeed: random(32), created: now })
  const ids: string[] = []
  for (const owner of owners) {
    const id = Buffer.from(random(16)).toString('hex')
    await createRecord(backend, slotKey(id), await newSlot(generation, owner, { label: 'secret' in owner ? label : shortened(owner.recipient), created: now }), { signal })
    ids.push(id)
  }
  // Last: from here on these are the keys.
  const first = await claimRecord(backend, generationKey(1), record, { signal })
  if (!first) for (const id of ids) await backend.delete(slotKey(id), { signal })
  return await unlockKeys(backend, first ? { identities: [generation.identity] } : { secret }, { signal }).catch((error: unknown) => { throw first ? error : asBusy(backend, error) })
}

function asBusy ({ location }: StorageBackend, error: unknown): unknown {
  if (!isBackupError(error, 'KEY_WRONG')) return error
  return new BackupError('REPOSITORY_BUSY', `${location} has keys but no repository: another init is at work, or was cut off; if none is, remove the folder keys in it`, { data: { location } })
}

/** A recipient as a label. */
export function shortened (recipient: string): string {
  return `${recipient.slice(0, 12)}…`
}
