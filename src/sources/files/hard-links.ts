import type { FoundEntry } from './folder-walk.ts'

/** Which files of a walk are one. Knows only files with further links, and forgets each when its last one was seen. */
export class HardLinks {
  readonly #files = new Map<string, { readonly path: string, left: bigint }>()

  /** The path under which the file was found before; undefined the first time. */
  firstPath ({ path, stats }: FoundEntry): string | undefined {
    if (stats.nlink < 2n) return undefined
    const id = `${stats.dev}:${stats.ino}`
    const known = this.#files.get(id)
    if (known === undefined) {
      this.#files.set(id, { path, left: stats.nlink - 1n })
      return undefined
    }
    if (--known.left === 0n) this.#files.delete(id)
    return known.path
  }
}
