import { BackupError } from '../../errors.ts'
import type { BackupErrorCode } from '../../errors.ts'
import type { Endpoint } from './endpoint.ts'

const CODES: ReadonlyArray<readonly [RegExp, BackupErrorCode]> = [
  [/permission denied/, 'SOURCE_DENIED'],
  [/could not obtain lock|lock timeout|does not exist|could not import the requested snapshot/, 'SOURCE_CHANGED'],
  [/server version mismatch/, 'SOURCE_VERSION'],
  [/connection to server|server closed the connection|terminating connection/, 'SOURCE_UNREACHABLE'],
]

/** @param log pg_dump's stderr, whose greater part is progress of --verbose */
export function dumpFailure (log: string, { password }: Endpoint): BackupError {
  const error = log.slice(Math.max(0, log.indexOf('pg_dump: error:')))
  const text = (password === '' ? error : error.replaceAll(password, '…')).slice(0, 2_000).trim()
  const code = CODES.find(([pattern]) => pattern.test(text))?.[1] ?? 'SOURCE_FAILED'
  return new BackupError(code, `cannot read the schema: ${text}`)
}
