import { readdir } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { syncFolder } from './durable-file.ts'

/** Makes names of folders durable in the folders above them, each of which it syncs once for all the names that it held then. */
export class DurableNames {
  readonly #durable = new Set<string>()
  /** By the folder that is being synced. */
  readonly #running = new Map<string, Promise<void>>()
  readonly #syncFolder: (folder: string) => Promise<void>

  /** @param sync makes the names that a folder holds durable */
  constructor (sync = syncFolder) {
    this.#syncFolder = sync
  }

  /** Makes the names of `folder` and of the folders above it durable, the last one in `top`, which is above `folder` or itself. */
  async sync (folder: string, top: string): Promise<void> {
    for (let path = folder; path !== top && path !== dirname(path); path = dirname(path)) await this.#settle(path)
  }

  /** To be called when `path` was made anew: what was known of it, and of what is below it, was known of another folder. */
  forget (path: string): void {
    for (const known of this.#durable) if (known === path || known.startsWith(path + sep)) this.#durable.delete(known)
  }

  async #settle (path: string): Promise<void> {
    const above = dirname(path)
    await this.#running.get(above)?.catch(() => {}) // It may have begun before the name was there; whoever began it learns of its failure.
    if (this.#durable.has(path)) return
    const sync = this.#syncNames(above)
    this.#running.set(above, sync)
    try {
      await sync
    } finally {
      this.#running.delete(above)
    }
  }

  async #syncNames (folder: string): Promise<void> {
    const present = await readdir(folder, { withFileTypes: true })
    await this.#syncFolder(folder)
    for (const entry of present) if (entry.isDirectory()) this.#durable.add(join(folder, entry.name))
  }
}
