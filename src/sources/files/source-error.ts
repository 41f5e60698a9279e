import { BackupError, isBackupError, systemCode } from '../../errors.ts'
import type { BackupErrorCode } from '../../errors.ts'

const CODES: Readonly<Record<string, BackupErrorCode>> = {
  // What was just listed is gone, or is something else now.
  ENOENT: 'SOURCE_CHANGED',
  ENOTDIR: 'SOURCE_CHANGED',
  EISDIR: 'SOURCE_CHANGED',
  ELOOP: 'SOURCE_CHANGED',
  EINVAL: 'SOURCE_CHANGED',
  ENXIO: 'SOURCE_CHANGED',
  ESTALE: 'SOURCE_CHANGED',
  EACCES: 'SOURCE_DENIED',
  EPERM: 'SOURCE_DENIED',
  ENAMETOOLONG: 'SOURCE_UNSUPPORTED',
}

/** The typed error for what the file system threw while `path` was read; a `BackupError` passes through. */
export function sourceError (error: unknown, path: string): unknown {
  const state = systemCode(error)
  if (isBackupError(error) || state === undefined || !state.startsWith('E')) return error
  const code = CODES[state] ?? 'SOURCE_FAILED'
  const what = code === 'SOURCE_CHANGED' ? 'was removed or replaced while the folder was read' : `cannot be read: ${state}`
  return new BackupError(code, `${JSON.stringify(path)} ${what}${advice(code)}`, { data: { path, state }, cause: error })
}

/** A file or folder that is not what it was a moment before. */
export function changed (path: string, what: string): BackupError {
  return new BackupError('SOURCE_CHANGED', `${JSON.stringify(path)} ${what} while it was read; run again at a quieter time`, { data: { path } })
}

function advice (code: BackupErrorCode): string {
  if (code === 'SOURCE_DENIED') return '; give this user the right to read it'
  if (code === 'SOURCE_UNSUPPORTED') return '; its path is longer than the system can open'
  return ''
}
