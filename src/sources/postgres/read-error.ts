import { BackupError } from '../../errors.ts'
import { asSourceError } from './server-error.ts'

export interface ReadErrorContext {
  /** What was read, as in "cannot read <what>". */
  readonly what: string
  readonly data: Readonly<Record<string, unknown>>
}

/** PostgreSQL keeps a row of text, and each value in it, within 1 GiB − 1; these are its ways of saying so. */
const TOO_LARGE = /invalid memory alloc request size|Cannot enlarge string buffer|string buffer exceeds maximum/

/** The typed error for what went wrong while rows were read under a snapshot. */
export function asReadError (error: unknown, { what, data }: ReadErrorContext): unknown {
  const detail = error instanceof Error && 'detail' in error ? String(error.detail) : ''
  if (error instanceof Error && TOO_LARGE.test(`${error.message} ${detail}`)) {
    return new BackupError('ROW_TOO_LARGE', `${what} has a row that is longer than the 1 GiB − 1 that PostgreSQL can send as text (bytea counts twice)`, { cause: error, data })
  }
  return asSourceError(error, { action: `read ${what}`, data })
}
