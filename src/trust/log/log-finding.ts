/** One thing that is wrong with a log, or with records that it speaks of. */
export interface LogFinding {
  /** `warning`: nothing was changed; it is not finished yet, or derived and gone. */
  readonly severity: 'error' | 'warning'
  readonly code: 'LOG_CORRUPT' | 'LOG_ROLLED_BACK' | 'LOG_MISMATCH'
  readonly message: string
  /** Key of the object in the storage. */
  readonly key?: string
  /** Id of the snapshot that it is about. */
  readonly snapshot?: string
}

export function corruptFinding (key: string, message: string): LogFinding {
  return { severity: 'error', code: 'LOG_CORRUPT', message: `${key} ${message}`, key }
}

export function mismatch (snapshot: string, key: string, message: string): LogFinding {
  return { severity: 'error', code: 'LOG_MISMATCH', message: `snapshot ${snapshot}: ${message}`, key, snapshot }
}
