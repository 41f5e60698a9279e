import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { FileEntry, RestoreItem } from '../source.ts'
import { whyUnsafe } from './tree-guard.ts'

/** Some files and folders of a tree. */
export class Selection {
  readonly #paths: ReadonlySet<string>
  /** Folders above the chosen ones. */
  readonly parents: ReadonlySet<string>

  /** @throws {BackupError} `INVALID_OPTION` */
  constructor (only: readonly string[]) {
    const paths = only.map(path => path.replace(/\/+$/, ''))
    if (paths.length === 0) throw new BackupError('INVALID_OPTION', '`only` names no path')
    for (const path of paths) {
      const reason = whyUnsafe(path)
      if (reason !== undefined) throw new BackupError('INVALID_OPTION', `the path ${JSON.stringify(path)} ${reason}; give it relative to the folder`, { data: { path } })
    }
    this.#paths = new Set(paths)
    this.parents = new Set(paths.flatMap(path => [...foldersAbove(path)]))
  }

  /** True for what is chosen and for what is below it. */
  covers (path: string): boolean {
    if (this.#paths.has(path)) return true
    for (const folder of foldersAbove(path)) if (this.#paths.has(folder)) return true
    return false
  }

  /**
   * The chosen entries of `item` and the folders above them. Where the file that chosen hard links share is not chosen, the first of them
   * is that file.
   * @throws {BackupError} `SELECTION_EMPTY` at the end when a chosen path is not there
   */
  async * entries (item: RestoreItem, options: AbortOptions = {}): AsyncGenerator<FileEntry> {
    const missing = new Set(this.#paths)
    const origins = await this.#unchosenOrigins(item, options)
    for await (const entry of item.entries(options)) {
      missing.delete(entry.path)
      if (this.covers(entry.path)) yield withChosenOrigin(entry, origins)
      else if (this.parents.has(entry.path)) yield entry
      const origin = origins.get(entry.path)
      if (origin !== undefined) origin.file = entry
    }
    const [first] = missing
    if (first !== undefined) throw new BackupError('SELECTION_EMPTY', `the snapshot's folder holds no ${JSON.stringify(first)}`, { data: { missing: [...missing] } })
  }

  async #unchosenOrigins (item: RestoreItem, options: AbortOptions): Promise<Map<string, Origin>> {
    const origins = new Map<string, Origin>()
    for await (const { type, path, target } of item.entries(options)) {
      if (type === 'hardlink' && target !== undefined && this.covers(path) && !this.covers(target)) origins.set(target, {})
    }
    return origins
  }
}

interface Origin {
  file?: FileEntry
  /** The chosen link that is the file now. */
  heir?: string
}

function withChosenOrigin (entry: FileEntry, origins: ReadonlyMap<string, Origin>): FileEntry {
  const origin = entry.type === 'hardlink' ? origins.get(entry.target ?? '') : undefined
  if (origin?.file === undefined) return entry
  if (origin.heir !== undefined) return { ...entry, target: origin.heir }
  origin.heir = entry.path
  return { ...origin.file, path: entry.path }
}

/** `a/b/c` → `a`, `a/b`. */
function * foldersAbove (path: string): Generator<string> {
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) yield path.slice(0, end)
}
