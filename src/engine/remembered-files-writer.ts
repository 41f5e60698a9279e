import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { RememberedFile } from '../dag/file-memory.ts'
import { encodeBlock, encodeSeal, newId, textOf } from './remembered-file-blocks.ts'
import type { Seal } from './remembered-file-blocks.ts'

const BLOCK_CHARACTERS = 64 * 1024
/** No capture takes so long: who left a file behind for longer was killed. */
const LEFT_BEHIND_MS = 7 * 24 * 3_600_000

/**
 * Writes a file of remembered files beside its place, and puts it there at the end. Whatever fails, there is no such file
 * then, and nothing else. It is not made durable: what a power loss leaves of it does not fit its seal.
 */
export class RememberedFilesWriter {
  readonly #path: string
  readonly #id = newId()
  readonly #place: string
  #handle: FileHandle | undefined
  #texts: string[] = []
  #length = 0
  #number = 0

  private constructor (path: string) {
    this.#path = path
    this.#place = `${path}.${this.#id}.new`
  }

  static async open (path: string): Promise<RememberedFilesWriter> {
    const writer = new RememberedFilesWriter(path)
    await writer.#attempt(async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      writer.#handle = await open(writer.#place, 'wx', 0o600)
    })
    return writer
  }

  /** Paths must ascend. */
  async add (files: readonly RememberedFile[]): Promise<void> {
    if (this.#handle === undefined) return
    for (const file of files) {
      const text = textOf(file)
      this.#texts.push(text)
      this.#length += text.length
    }
    if (this.#length >= BLOCK_CHARACTERS) await this.#flush()
  }

  /** Says whose files they were, and puts the file in its place. */
  async keep (facts: Omit<Seal, 'v' | 'id'>): Promise<void> {
    await this.#flush()
    await this.#attempt(async () => {
      if (this.#handle === undefined) return
      await this.#handle.writeFile(encodeSeal({ v: 1, id: this.#id, ...facts }))
      await this.#handle.close()
      await rename(this.#place, this.#path)
      this.#handle = undefined
      await removeLeftovers(this.#path)
    })
  }

  /** Gives up what was not kept. Safe to call twice. */
  async discard (): Promise<void> {
    const handle = this.#handle
    if (handle === undefined) return
    this.#handle = undefined
    await handle.close().catch(() => undefined)
    await rm(this.#place, { force: true }).catch(() => undefined)
  }

  async #flush (): Promise<void> {
    const text = this.#texts.join('')
    this.#texts = []
    this.#length = 0
    if (text === '') return
    await this.#attempt(async () => { await this.#handle?.writeFile(encodeBlock(text, { id: this.#id, number: this.#number++ })) })
  }

  async #attempt (act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch {
      await this.discard()
    }
  }
}

async function removeLeftovers (path: string): Promise<void> {
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(`${basename(path)}.`)) continue
    const leftover = join(dirname(path), name)
    if (Date.now() - (await stat(leftover)).mtimeMs > LEFT_BEHIND_MS) await rm(leftover, { force: true })
  }
}
