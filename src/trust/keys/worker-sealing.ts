import { newSealingKey } from '../../cas/sealing.ts'
import type { Sealing } from '../../cas/sealing.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'
import { wrapForRecipients } from './age-file.ts'
import { checkRecipient } from './age-identity.ts'
import { readKeyRecords } from './key-records.ts'

/**
 * For a writer that can open nothing but what it wrote itself: seals with a key of its own, which goes wrapped into each header.
 * @param recipient `age1…` of the repository, from the writer's configuration: one read from the storage could be anybody's
 * @throws {BackupError} `INVALID_OPTION` for what is no recipient; `STORAGE_…`
 */
export async function workerSealing (backend: Pick<StorageBackend, 'get' | 'list'>, recipient: string, { signal }: AbortOptions = {}): Promise<Sealing> {
  await checkRecipient(recipient)
  const { files } = await readKeyRecords(backend, { signal })
  const key = newSealingKey()
  const current = { ...key, wrap: await wrapForRecipients(key.bytes, [recipient]) }
  return { current, slots: files, find: async id => id === key.id ? key : undefined }
}
