import { createHash } from 'node:crypto'
import { foldPath } from './entry-path.ts'

/** Parts of a path longer than this do not fit every file system, escapes and marks included. */
const LONGEST_PART_BYTES = 240
const KEPT_BYTES = 200

/** A name as part of an entry's path: letters, digits, `_` and `-` of ASCII as they are, every other byte of its UTF-8 as `%XX`. */
export function encodeName (name: string): string {
  return shorten(name.replace(/[^A-Za-z0-9_-]+/gu, escapeBytes))
}

/** One part of a stored file's path, as it is but for `%`, `\` and control characters. */
export function encodeFilePart (part: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return shorten(part.replace(/[\u0000-\u001f\u007f%\\]/g, escapeBytes))
}

function escapeBytes (text: string): string {
  return Array.from(Buffer.from(text), byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

function shorten (part: string): string {
  const bytes = Buffer.from(part)
  if (bytes.length <= LONGEST_PART_BYTES) return part
  const start = bytes.toString('utf8', 0, KEPT_BYTES).replace(/\ufffd+$/, '')
  return `${start}~${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`
}

/** Gives out paths of which no two are one file on a disk that ignores case or accents' encoding. */
export class EntryNames {
  readonly #taken = new Set<string>()

  /** `<stem><suffix>`, or `<stem>~2<suffix>`, … when it is taken. */
  unique (stem: string, suffix = ''): string {
    for (let count = 1; ; count++) {
      const path = count === 1 ? `${stem}${suffix}` : `${stem}~${count}${suffix}`
      const folded = foldPath(path)
      if (this.#taken.has(folded)) continue
      this.#taken.add(folded)
      return path
    }
  }
}

/**
 * Entry names of stored files. The same paths in the same order give the same names, so a reader finds each file's entry
 * by going through the rows as the writer did.
 */
export class StorageNames {
  readonly #names = new EntryNames()
  readonly #folders: Map<string, string>

  /** `root` is the folder in the archive, without a final `/`. */
  constructor (root: string) {
    this.#folders = new Map([['', root]])
  }

  /** The entry of the file `path`. */
  file (path: string): string {
    const slash = path.lastIndexOf('/')
    return this.#names.unique(`${this.#folder(path.slice(0, Math.max(0, slash)))}/${encodeFilePart(path.slice(slash + 1))}`)
  }

  /** The entry of the folder `path`, with its final `/`. */
  folder (path: string): string {
    return `${this.#folder(path)}/`
  }

  #folder (path: string): string {
    const known = this.#folders.get(path)
    if (known !== undefined) return known
    const name = this.file(path)
    this.#folders.set(path, name)
    return name
  }
}
