import { BackupError, systemCode } from '../errors.ts'
import type { BackupErrorCode } from '../errors.ts'

const CODES: Readonly<Record<string, BackupErrorCode>> = {
  ENOSPC: 'STORAGE_FULL',
  EDQUOT: 'STORAGE_FULL',
  EACCES: 'STORAGE_DENIED',
  EPERM: 'STORAGE_DENIED',
  EROFS: 'STORAGE_DENIED',
}

const ADVICE: Partial<Readonly<Record<BackupErrorCode, string>>> = {
  STORAGE_FULL: 'no space is left; make room and try again',
  STORAGE_DENIED: 'permission denied; check owner, mode and mount of the folder',
}

/**
 * The error for a failed file operation; `what` says what was tried on which key.
 * Errors that already have a code of ours, and the reason of an abort, pass unchanged.
 */
export function storageError (what: string, cause: unknown, signal?: AbortSignal): unknown {
  if (cause instanceof BackupError || (signal?.aborted === true && isAbort(cause, signal))) return cause
  const system = systemCode(cause)
  const code = (system !== undefined ? CODES[system] : undefined) ?? 'STORAGE_IO'
  const advice = ADVICE[code] ?? (cause instanceof Error ? cause.message : String(cause))
  return new BackupError(code, `${what}: ${advice}`, { data: { system }, cause })
}

function isAbort (cause: unknown, signal: AbortSignal): boolean {
  return cause === signal.reason || (cause instanceof Error && cause.name === 'AbortError')
}
