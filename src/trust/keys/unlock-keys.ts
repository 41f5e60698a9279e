import { corrupt } from '../../cas/record.ts'
import { BackupError, isBackupError } from '../../errors.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'
import { recipientOf } from './age-identity.ts'
import { openGeneration, previousIdentity } from './generation.ts'
import type { OpenGeneration } from './generation.ts'
import { generationKey, readKeyRecords } from './key-records.ts'
import type { GenerationRecord, KeyRecords } from './key-records.ts'
import { liveSlots, openSlots } from './slots.ts'
import type { Credentials, TrySlot } from './slots.ts'
import { UnlockedKeys } from './unlocked-keys.ts'

export interface UnlockOptions extends AbortOptions {
  /** A recipient that one of the generations must have: then nobody can have put other keys in the place of all of them. */
  readonly expected?: string | undefined
  /** Tries one slot; only tests replace it. */
  readonly trySlot?: TrySlot | undefined
}

/** An identity of the newest generation. */
interface FoundIdentity {
  readonly identity: string
  /** Nobody but who had the secret or the identity can have put it there. Anybody can wrap one for a recipient. */
  readonly proven: boolean
}

/**
 * Opens a repository's keys with a secret, an identity, or whichever of both does.
 * @throws {BackupError} `KEY_WRONG`, the same whatever is wrong with what was given; `RECORD_CORRUPT` when the newest generation is
 * damaged or was changed by somebody who does not have it; `STORAGE_…`
 */
export async function unlockKeys (backend: Pick<StorageBackend, 'get' | 'list' | 'location'>, credentials: Credentials, { expected, trySlot, signal }: UnlockOptions = {}): Promise<UnlockedKeys> {
  const { location } = backend
  const records = await readKeyRecords(backend, { signal })
  const record = newestRecord(records, location)
  const found = await findIdentity(record, records, credentials, trySlot)
  if (found === undefined) {
    throw new BackupError('KEY_WRONG', `what was given does not open the repository in ${location}: it is another secret or identity, or its slot is gone`, { data: { location } })
  }
  const newest = await openGeneration(record, found.identity)
  const keys = new UnlockedKeys(newest, await openOlder(record, found, records), records.files)
  if (expected === undefined || keys.hasRecipient(expected)) return keys
  throw new BackupError('KEY_WRONG', `the keys of the repository in ${location} are not those of the recipient that is configured: somebody may have replaced them`, { data: { location } })
}

function newestRecord ({ generations, newest, damaged }: KeyRecords, location: string): GenerationRecord {
  const record = generations.find(({ generation }) => generation === newest)
  if (record !== undefined) return record
  const key = generationKey(Math.max(1, newest))
  throw damaged.get(key) ?? corrupt(key, `it is missing, and without it nothing in ${location} can be opened; the header of every pack has a copy`)
}

/** Tries everything, also after something was found. */
async function findIdentity ({ recipient }: GenerationRecord, records: KeyRecords, credentials: Credentials, trySlot?: TrySlot): Promise<FoundIdentity | undefined> {
  const own = (credentials.identities ?? []).map(identity => ({ identity, proven: true }))
  const slots = await openSlots(liveSlots(records), credentials, trySlot)
  const found = [...own, ...slots.map(({ slot, identity }) => ({ identity, proven: slot.kind === 'secret' }))]
  const fitting = await Promise.all(found.map(async ({ identity }) => await recipientOf(identity).catch(() => undefined) === recipient))
  return found.filter((_, index) => fitting[index]).sort((a, b) => Number(b.proven) - Number(a.proven))[0]
}

/**
 * The generations before, as far back as they can be read; what was sealed before that cannot. An identity that anybody can have wrapped has to prove itself:
 * it must lead back to the first one, whose objects it would not open otherwise.
 */
async function openOlder (newest: GenerationRecord, { identity, proven }: FoundIdentity, { generations }: KeyRecords): Promise<OpenGeneration[]> {
  const older: OpenGeneration[] = []
  let [record, key] = [newest, identity]
  try {
    while (record.generation > 1) {
      const before = generations.find(({ generation }) => generation === record.generation - 1)
      const previous = await previousIdentity(record, key)
      if (before === undefined || previous === undefined) throw corrupt(generationKey(record.generation - 1), 'it is missing, or the one after it does not open it')
      older.push(await openGeneration(before, previous));
      [record, key] = [before, previous]
    }
  } catch (error) {
    if (!proven || !isBackupError(error, 'RECORD_CORRUPT', 'SEAL_BROKEN', 'INVALID_OPTION')) throw error
  }
  return older
}
