import type { Repository } from '../../cas/repository.ts'
import { isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { checkCosignatures } from './check-cosignatures.ts'
import { readStoredLog } from './check-leaves.ts'
import { checkRecords, readStoredRecords } from './check-records.ts'
import { checkTree } from './check-tree.ts'
import type { LogFinding } from './log-finding.ts'
import type { Log } from './log.ts'

/**
 * Checks a whole log: each of its objects, that they agree with each other and with what this host remembers, and that commit records and
 * forgotten snapshots are what it says. Changes nothing. The storage may change meanwhile.
 * @throws {BackupError} `STORAGE_…`
 */
export async function * checkLog (log: Log, repository: Pick<Repository, 'backend' | 'commits' | 'now'>, options: AbortOptions = {}): AsyncGenerator<LogFinding> {
  const records = await readStoredRecords(repository, options) // before the log, whose leaves come before what they speak of
  const stored = await readStoredLog(log, options)
  yield * stored.findings
  const rollback = await rollbackOf(log, options)
  if (rollback !== undefined) yield rollback
  yield * checkTree(log.store, stored, options)
  const complete = stored.openings.every(opening => opening !== undefined)
  let isWhole = true
  for await (const finding of checkRecords(records, stored, { repository, key: log.key, complete, ...options })) {
    isWhole &&= finding.severity === 'warning'
    yield finding
  }
  // Where a commit record is gone, so are the keys that it named.
  for (const finding of checkCosignatures(records, stored, log.key)) if (isWhole || finding.severity === 'error') yield finding
}

/** Whether the log goes on from what this host remembers. */
async function rollbackOf (log: Log, options: AbortOptions): Promise<LogFinding | undefined> {
  try {
    await log.checkpoint(options)
    return undefined
  } catch (error) {
    if (isBackupError(error, 'LOG_ROLLED_BACK')) return { severity: 'error', code: error.code, message: error.message }
    if (isBackupError(error, 'LOG_CORRUPT', 'RECORD_CORRUPT')) return undefined // told with its object
    throw error
  }
}
