import { BackupError } from '../../errors.ts'
import type { BackupErrorCode } from '../../errors.ts'
import type { Endpoint } from './endpoint.ts'

const CODES: ReadonlyArray<readonly [RegExp, BackupErrorCode]> = [
  [/permission denied/, 'SOURCE_DENIED'],
  [/could not obtain lock|lock timeout|does not exist|cache lookup failed|invalid snapshot identifier/, 'SOURCE_CHANGED'],
  [/server version mismatch/, 'SOURCE_VERSION'],
  [/connection to server|server closed the connection|terminating connection/, 'SOURCE_UNREACHABLE'],
]

/** @param log pg_dump's stderr, whose greater part is progress of --verbose */
export function dumpFailure (log: string, { password }: Endpoint): BackupError {
  // The WebAssembly build's lines come without their ends.
  const error = log.slice(Math.max(0, log.indexOf('pg_dump: error:'))).replace(/\s*pg_dump: (detail|hint): /g, '; $1: ')
  const text = (password === '' ? error : error.replaceAll(password, '…')).slice(0, 2_000).trim()
  const code = CODES.find(([pattern]) => pattern.test(text))?.[1] ?? 'SOURCE_FAILED'
  return new BackupError(code, `cannot read the schema: ${text}`)
}
