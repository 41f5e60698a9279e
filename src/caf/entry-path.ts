import { BackupError } from '../errors.ts'

const MAX_PATH_BYTES = 65_535
// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/

/**
 * Refuses an entry name that could leave the folder it is unpacked into, or that programs read differently.
 * A final `/` marks a folder.
 * @throws {BackupError} `ARCHIVE_UNSAFE`
 */
export function checkEntryPath (path: string): void {
  const reason = whyUnsafe(path)
  if (reason === undefined) return
  throw new BackupError('ARCHIVE_UNSAFE', `entry ${JSON.stringify(path)} is not safe to unpack: its name ${reason}`, { data: { path, reason } })
}

function whyUnsafe (path: string): string | undefined {
  if (path === '') return 'is empty'
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`
  if (path.startsWith('/')) return 'is absolute'
  if (/^[A-Za-z]:/.test(path)) return 'has a drive letter'
  if (path.includes('\\')) return 'has a backslash'
  if (CONTROL.test(path)) return 'has a control character'
  if (!path.isWellFormed()) return 'is not valid Unicode'
  const parts = path.replace(/\/$/, '').split('/')
  if (parts.includes('..') || parts.includes('.')) return 'has a part . or ..'
  if (parts.includes('')) return 'has an empty part'
  return undefined
}

/** Names that are one file on a disk that ignores case or the way accents are encoded have equal folds. */
export function foldPath (path: string): string {
  return path.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

/**
 * The names of an archive so far. Refuses a name twice, also in another case or normalisation, and a file where a folder
 * is needed, so that unpacking never writes one entry over another.
 */
export class EntryPaths {
  readonly #files = new Set<string>()
  readonly #folders = new Set<string>()
  /** Folders that only the names of entries in them speak of: each may still get an entry of its own. */
  readonly #implied = new Set<string>()

  /** @throws {BackupError} `ARCHIVE_UNSAFE` */
  add (path: string): void {
    checkEntryPath(path)
    const folded = foldPath(path)
    if (this.#files.has(folded) || this.#folders.has(folded)) this.#refuse(path, 'appears twice, or differs only in case or accents from another')
    if (this.#implied.has(`${folded}/`)) this.#refuse(path, 'is a file and a folder')
    for (const folder of foldersOf(folded)) {
      if (this.#files.has(folder.slice(0, -1))) this.#refuse(path, 'needs a folder where a file is')
      this.#implied.add(folder)
    }
    if (folded.endsWith('/')) this.#folders.add(folded)
    else this.#files.add(folded)
  }

  #refuse (path: string, reason: string): never {
    throw new BackupError('ARCHIVE_UNSAFE', `entry ${JSON.stringify(path)} ${reason}`, { data: { path, reason } })
  }
}

/** `a/b/c` → `a/`, `a/b/`; `a/b/` → the same. */
function * foldersOf (path: string): Generator<string> {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) yield path.slice(0, end + 1)
}
