import { BackupError } from '../../errors.ts'
import type { FileEntry } from '../source.ts'

/**
 * Watches the entries of a tree that nobody vouches for: each path is safe, they ascend, and each lies in a folder that came
 * before it, so nothing can be written outside of the tree or through a symlink of it. Remembers only the folders that are open.
 *
 * A folder `a` stays open until a path comes that sorts after everything below it: between `a` and `a/…` may come `a-b`
 * with all it holds. The folder opened last is the first to end.
 */
export class TreeGuard<E extends Pick<FileEntry, 'path' | 'type'> = FileEntry> {
  readonly #open: E[] = []
  #previous = Buffer.alloc(0)

  /** Takes the next entry and returns the folders that are complete before it, the innermost first. @throws {BackupError} `TREE_INVALID` */
  arrive (entry: E): readonly E[] {
    checkPath(entry.path)
    this.#ascend(entry.path)
    const ended: E[] = []
    while (this.#open.length > 0 && !mayHold(this.#open.at(-1)!.path, entry.path)) ended.push(this.#open.pop()!)
    this.#checkParent(entry.path)
    if (entry.type === 'directory') this.#open.push(entry)
    return ended
  }

  /** The folders that are still open at the end, the innermost first. */
  end (): readonly E[] {
    return this.#open.splice(0).reverse()
  }

  #ascend (path: string): void {
    const bytes = Buffer.from(path)
    if (Buffer.compare(this.#previous, bytes) >= 0) throw invalid(path, 'comes twice or out of order')
    this.#previous = bytes
  }

  #checkParent (path: string): void {
    const slash = path.lastIndexOf('/')
    if (slash < 0) return
    const parent = path.slice(0, slash)
    if (!this.#open.some(folder => folder.path === parent)) throw invalid(path, 'lies in something that is no folder of the tree')
  }
}

/** Refuses a path that could lead out of the folder it is put into. @throws {BackupError} `TREE_INVALID` */
export function checkPath (path: string): void {
  const reason = whyUnsafe(path)
  if (reason !== undefined) throw invalid(path, reason)
}

/** Why a path must not be used, or undefined when it may. */
export function whyUnsafe (path: string): string | undefined {
  if (path === '') return 'is empty'
  if (path.startsWith('/')) return 'is absolute'
  if (path.includes('\0')) return 'has a NUL'
  if (!path.isWellFormed()) return 'is not valid Unicode'
  const parts = path.split('/')
  if (parts.includes('')) return 'has an empty part'
  if (parts.includes('.') || parts.includes('..')) return 'has a part . or ..'
  return undefined
}

function mayHold (folder: string, path: string): boolean {
  return path.startsWith(folder) && path.charAt(folder.length) <= '/'
}

function invalid (path: string, reason: string): BackupError {
  return new BackupError('TREE_INVALID', `the path ${JSON.stringify(path)} ${reason}, so nothing is restored from this tree`, { data: { path, reason } })
}
