import { isBackupError } from '../errors.ts'
import type { BackupError } from '../errors.ts'

/** True for the errors that mean "these bytes are lost", as opposed to "the storage does not answer". */
export function isDamage (error: unknown): error is BackupError {
  return isBackupError(error, 'BLOB_MISSING', 'BLOB_CORRUPT', 'PACK_CORRUPT', 'BLOCK_INVALID', 'TREE_INVALID')
}
