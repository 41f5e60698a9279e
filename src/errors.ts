/** Every code is explained in docs/errors.md: what it means, what to do, whether a retry can help. */
export type BackupErrorCode =
  // what the caller asked for
  | 'INVALID_OPTION' | 'CONFIG_INVALID' | 'SNAPSHOT_MISSING' | 'SNAPSHOT_AMBIGUOUS' | 'SELECTION_EMPTY' | 'CANCELLED'
  // storage and repository
  | 'STORAGE_IO' | 'STORAGE_FULL' | 'STORAGE_DENIED' | 'STORAGE_UNSUITABLE' | 'REPOSITORY_MISSING' | 'REPOSITORY_EXISTS' | 'REPOSITORY_BUSY' | 'FORMAT_UNKNOWN' | 'THREAD_FAILED'
  // keys
  | 'KEY_NEEDED' | 'KEY_WRONG' | 'KEY_LAST' | 'SECRET_WEAK' | 'SEAL_BROKEN'
  // damage
  | 'RECORD_CORRUPT' | 'BLOB_MISSING' | 'BLOB_CORRUPT' | 'PACK_CORRUPT' | 'INDEX_CORRUPT' | 'BLOCK_INVALID' | 'TREE_INVALID'
  // the log and its proofs
  | 'LOG_CORRUPT' | 'LOG_ROLLED_BACK' | 'LOG_MISMATCH' | 'PROOF_INVALID' | 'ORIGIN_UNPROVEN'
  // the graph and its consensus
  | 'DAG_CYCLE' | 'DEP_MISSING' | 'NODE_DUPLICATE' | 'NODE_MISSING' | 'NODE_INVALID' | 'RECIPE_UNKNOWN' | 'RECIPE_MISMATCH'
  | 'QUORUM_NOT_REACHED' | 'SESSION_REVOKED' | 'BLOB_IN_USE'
  // sources while they are captured
  | 'SOURCE_UNREACHABLE' | 'SOURCE_AUTH' | 'SOURCE_DENIED' | 'SOURCE_VERSION' | 'SOURCE_CHANGED' | 'SOURCE_UNSUPPORTED'
  | 'SOURCE_MISSING' | 'SOURCE_FAILED' | 'ROW_SECURITY' | 'ROW_TOO_LARGE' | 'CHECKSUM_MISMATCH' | 'TOOL_MISSING'
  // targets while they are restored
  | 'TARGET_EXISTS' | 'TARGET_VERSION' | 'TARGET_FAILED' | 'TARGET_DIFFERS' | 'SNAPSHOT_DIFFERS' | 'ROLE_MISSING' | 'EXTENSION_MISSING' | 'RESTORE_PENDING' | 'RESTORE_NONE'
  // archives
  | 'ARCHIVE_INVALID' | 'ARCHIVE_CORRUPT' | 'ARCHIVE_UNSAFE' | 'ARCHIVE_TOO_LARGE'

export interface BackupErrorOptions {
  /** Machine-readable facts about the failure; never a secret. */
  readonly data?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/** The one error class of the project. Callers and tests look at `code`, never at the text. */
export class BackupError extends Error {
  readonly code: BackupErrorCode
  readonly data: Readonly<Record<string, unknown>>

  constructor (code: BackupErrorCode, message: string, { data = {}, cause }: BackupErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'BackupError'
    this.code = code
    this.data = data
  }
}

/** True if `error` is a {@link BackupError} with one of `codes`, or any code when none is given. */
export function isBackupError<C extends BackupErrorCode = BackupErrorCode> (error: unknown, ...codes: C[]): error is BackupError & { readonly code: C } {
  return error instanceof BackupError && (codes.length === 0 || codes.some(code => code === error.code))
}

/** The `code` member of a Node or driver error, or undefined. */
export function systemCode (error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
