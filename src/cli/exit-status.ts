import { BackupError } from '../errors.ts'
import type { BackupErrorCode } from '../errors.ts'

/** What a command's exit status means; also in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** The work failed: storage, consensus, an unexpected error. */
  failed: 1,
  /** The command line or the configuration is wrong, or names something that is not there. */
  usage: 2,
  /** Stored bytes are damaged. */
  damaged: 3,
  /** A source or target does not answer, refuses, or fails. */
  server: 4,
  /** Something stands in the way: it exists already, or somebody else is at work on it. */
  conflict: 5,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT]

const { failed, usage, damaged, server, conflict, interrupted } = EXIT

export const STATUS_OF_CODE: Readonly<Record<BackupErrorCode, ExitStatus>> = {
  INVALID_OPTION: usage, CONFIG_INVALID: usage, SNAPSHOT_MISSING: usage, SNAPSHOT_AMBIGUOUS: usage, SELECTION_EMPTY: usage, CANCELLED: interrupted, THREAD_FAILED: failed,
  STORAGE_IO: failed, STORAGE_FULL: failed, STORAGE_DENIED: failed, STORAGE_UNSUITABLE: failed, REPOSITORY_MISSING: usage, REPOSITORY_EXISTS: conflict, REPOSITORY_BUSY: conflict, FORMAT_UNKNOWN: failed,
  KEY_NEEDED: usage, KEY_WRONG: usage, KEY_LAST: conflict, SECRET_WEAK: usage, SEAL_BROKEN: damaged,
  RECORD_CORRUPT: damaged, BLOB_MISSING: damaged, BLOB_CORRUPT: damaged, PACK_CORRUPT: damaged, INDEX_CORRUPT: damaged, BLOCK_INVALID: damaged, TREE_INVALID: damaged,
  LOG_CORRUPT: damaged, LOG_ROLLED_BACK: damaged, LOG_MISMATCH: damaged, PROOF_INVALID: damaged, ORIGIN_UNPROVEN: conflict,
  DAG_CYCLE: failed, DEP_MISSING: failed, NODE_DUPLICATE: failed, NODE_MISSING: usage, NODE_INVALID: damaged, RECIPE_UNKNOWN: damaged, RECIPE_MISMATCH: damaged,
  QUORUM_NOT_REACHED: failed, SESSION_REVOKED: failed, BLOB_IN_USE: conflict,
  SOURCE_UNREACHABLE: server, SOURCE_AUTH: server, SOURCE_DENIED: server, SOURCE_VERSION: server, SOURCE_CHANGED: server, SOURCE_UNSUPPORTED: server,
  SOURCE_MISSING: server, SOURCE_FAILED: server, ROW_SECURITY: server, ROW_TOO_LARGE: server, CHECKSUM_MISMATCH: server, TOOL_MISSING: server,
  TARGET_EXISTS: conflict, TARGET_VERSION: server, TARGET_FAILED: server, TARGET_DIFFERS: server, SNAPSHOT_DIFFERS: damaged, ROLE_MISSING: server, EXTENSION_MISSING: server, RESTORE_PENDING: conflict, RESTORE_NONE: usage,
  ARCHIVE_INVALID: damaged, ARCHIVE_CORRUPT: damaged, ARCHIVE_UNSAFE: damaged, ARCHIVE_TOO_LARGE: damaged,
}

export function exitStatusOf (error: unknown): ExitStatus {
  return error instanceof BackupError ? STATUS_OF_CODE[error.code] : failed
}
