import { OUTCOME_PREFIX } from '../cas/layout.ts'
import { isBackupError } from '../errors.ts'
import { checkLog } from '../trust/log/log-check.ts'
import type { LogFinding } from '../trust/log/log-finding.ts'
import { ENTRY_PREFIX } from '../trust/log/log-layout.ts'
import type { Log } from '../trust/log/log.ts'
import type { Finding } from './finding.ts'
import { hasSeenLog, readLog } from './open-log.ts'
import type { Verification } from './verification.ts'

/** The log by itself, and the commit records against it. A repository from before there were logs has none, and nothing to say. */
export async function * verifyLog ({ repository, signal }: Pick<Verification, 'repository' | 'signal'>): AsyncGenerator<Finding> {
  let log: Log | undefined
  try {
    log = await readLog(repository, { signal })
  } catch (error) {
    if (!isBackupError(error, 'LOG_CORRUPT', 'RECORD_CORRUPT', 'PROOF_INVALID')) throw error
    yield { severity: 'error', code: 'LOG_CORRUPT', message: `keys/log, which says whose log this is, cannot be relied on: ${error.message}`, key: 'keys/log', affected: [] }
    return
  }
  if (log !== undefined) for await (const finding of checkLog(log, repository, { signal })) yield asFinding(finding)
  else yield * withoutKey({ repository, signal })
}

/** Without its key a log is nothing: so somebody who wants to be rid of it removes that. */
async function * withoutKey ({ repository, signal }: Pick<Verification, 'repository' | 'signal'>): AsyncGenerator<Finding> {
  if (await hasSeenLog(repository)) {
    yield { severity: 'error', code: 'LOG_ROLLED_BACK', message: 'the repository has no log any more, but this host has seen one: the storage is an older copy, or the log was removed', key: 'keys/log', affected: [] }
  }
  for await (const { key } of repository.backend.list(ENTRY_PREFIX, { signal })) {
    yield { severity: 'error', code: 'LOG_CORRUPT', message: 'keys/log is missing, and with it all that the log proves', key, affected: [] }
    return
  }
  const proven = (await repository.visible({ signal, onDamaged: () => undefined })).find(({ statements }) => statements.some(statement => typeof statement === 'object' && statement !== null && 'proof' in statement))
  if (proven !== undefined) {
    yield { severity: 'error', code: 'LOG_ROLLED_BACK', message: `the repository has no log, but the commit record of snapshot ${proven.id} proves that it had one`, key: OUTCOME_PREFIX + proven.id, affected: [] }
  }
}

function asFinding ({ severity, code, message, key, snapshot }: LogFinding): Finding {
  const affected = snapshot === undefined || severity === 'warning' ? [] : [{ snapshot, node: '*', detail: 'the whole snapshot', place: {} }]
  return { severity, code, message, ...(key === undefined ? {} : { key }), affected }
}
