import type { Repository } from '../cas/repository.ts'
import { isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { readStoredRecords } from '../trust/log/check-records.ts'
import { noteSigner } from '../trust/log/note-key.ts'
import { repairLog } from '../trust/log/repair-log.ts'
import { createLog, logOrigin, readLog } from './open-log.ts'

/** Makes the log's objects again of each other, as far as they are proven; returns their keys. A log without its key is left alone. */
export async function healLog (repository: Repository, { dryRun, signal }: AbortOptions & { readonly dryRun: boolean }): Promise<readonly string[]> {
  try {
    if (await readLog(repository, { signal }) === undefined) return []
    const opened = await createLog(repository, { signal })
    if (opened === undefined) return []
    const signer = opened.seed === undefined ? undefined : noteSigner(logOrigin(repository), opened.seed)
    return await repairLog(opened.log, { signer, records: await readStoredRecords(repository, { signal }), dryRun, signal })
  } catch (error) {
    if (isBackupError(error, 'LOG_CORRUPT', 'RECORD_CORRUPT', 'PROOF_INVALID', 'KEY_NEEDED')) return [] // a verification says which
    throw error
  }
}
