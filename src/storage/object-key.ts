import { BackupError } from '../errors.ts'

const PART = /^[A-Za-z0-9._-]{1,200}$/

/** True if `part` may stand between the slashes of a key. */
export function isKeyPart (part: string): boolean {
  return PART.test(part) && part !== '.' && part !== '..'
}

/** @throws {BackupError} `INVALID_OPTION` if `key` is not `/`-separated parts of [A-Za-z0-9._-]. */
export function checkKey (key: string): void {
  if (!key.split('/').every(isKeyPart)) {
    throw new BackupError('INVALID_OPTION', `not a storage key: ${JSON.stringify(key)}`, { data: { key } })
  }
}

/** @throws {BackupError} `INVALID_OPTION` unless `prefix` is empty or a key followed by `/`. */
export function checkPrefix (prefix: string): void {
  if (prefix === '') return
  if (!prefix.endsWith('/')) {
    throw new BackupError('INVALID_OPTION', `a prefix ends with "/": ${JSON.stringify(prefix)}`, { data: { prefix } })
  }
  checkKey(prefix.slice(0, -1))
}
