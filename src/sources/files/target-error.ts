import { BackupError, isBackupError, systemCode } from '../../errors.ts'
import type { BackupErrorCode } from '../../errors.ts'

const CODES: Readonly<Record<string, BackupErrorCode>> = {
  ENOSPC: 'STORAGE_FULL',
  EDQUOT: 'STORAGE_FULL',
  EACCES: 'SOURCE_DENIED',
  EPERM: 'SOURCE_DENIED',
  EROFS: 'SOURCE_DENIED',
}

/** The typed error for what the file system threw while `path` was written; a `BackupError` passes through. */
export function targetError (error: unknown, path: string): unknown {
  const state = systemCode(error)
  if (isBackupError(error) || state === undefined || !state.startsWith('E')) return error
  const code = CODES[state] ?? 'TARGET_FAILED'
  return new BackupError(code, `cannot write ${JSON.stringify(path)}: ${state}${advice(code)}`, { data: { path, state }, cause: error })
}

/** Runs `act`; what the file system throws becomes a typed error about `path`. */
export async function onTarget<T> (path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    throw targetError(error, path)
  }
}

/** The result of `act`, or undefined when there is nothing at `path`. */
export async function orAbsent<T> (act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function advice (code: BackupErrorCode): string {
  if (code === 'STORAGE_FULL') return '; a restore needs room for a second copy'
  return code === 'SOURCE_DENIED' ? '; give this user the right to write there' : ''
}
