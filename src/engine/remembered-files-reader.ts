import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { compareIds } from '../dag/id-order.ts'
import type { RememberedFile } from '../dag/file-memory.ts'
import { BLOCK_HEAD_BYTES, decodeBlock, decodeSeal, filesIn, TAIL_BYTES } from './remembered-file-blocks.ts'
import type { Seal } from './remembered-file-blocks.ts'

/** A longer block was never written. */
const LONGEST_BLOCK = 16 * 1024 * 1024

/** Reads a file of remembered files from its start to its end, one block at a time. What is damaged ends it early. */
export class RememberedFilesReader {
  readonly seal: Seal
  readonly #handle: FileHandle
  readonly #end: number
  #offset = 0
  #number = 0
  #files: Iterator<RememberedFile> = filesIn('')
  #next: RememberedFile | undefined

  private constructor (handle: FileHandle, seal: Seal, end: number) {
    this.#handle = handle
    this.seal = seal
    this.#end = end
  }

  /** Undefined when there is no such file, or it is not whole. The caller closes it. */
  static async open (path: string): Promise<RememberedFilesReader | undefined> {
    const handle = await open(path).catch(() => undefined)
    if (handle === undefined) return undefined
    const reader = await RememberedFilesReader.#of(handle).catch(() => undefined)
    if (reader === undefined) await handle.close()
    return reader
  }

  static async #of (handle: FileHandle): Promise<RememberedFilesReader | undefined> {
    const { size } = await handle.stat()
    const tail = await readAt(handle, size - TAIL_BYTES, TAIL_BYTES)
    const end = size - TAIL_BYTES - tail.readUInt32BE(TAIL_BYTES - 4)
    const seal = decodeSeal(tail.subarray(0, -4), await readAt(handle, end, size - TAIL_BYTES - end))
    return seal === undefined ? undefined : new RememberedFilesReader(handle, seal, end)
  }

  /** What is remembered of a path. Paths must ascend. */
  async find (path: string): Promise<RememberedFile | undefined> {
    for (;;) {
      this.#next ??= await this.#read()
      if (this.#next === undefined) return undefined
      const order = this.#next.path === path ? 0 : compareIds(this.#next.path, path)
      if (order > 0) return undefined
      const found = this.#next
      this.#next = undefined
      if (order === 0) return found
    }
  }

  async close (): Promise<void> {
    await this.#handle.close()
  }

  async #read (): Promise<RememberedFile | undefined> {
    for (;;) {
      const next = this.#files.next()
      if (next.done !== true) return next.value
      const text = await this.#block().catch(() => undefined)
      if (text === undefined) this.#offset = this.#end
      if (text === undefined) return undefined
      this.#files = filesIn(text)
    }
  }

  async #block (): Promise<string | undefined> {
    if (this.#offset >= this.#end) return undefined
    const head = await readAt(this.#handle, this.#offset, BLOCK_HEAD_BYTES)
    const length = head.readUInt32BE(0)
    if (length > LONGEST_BLOCK) return undefined
    const bytes = await readAt(this.#handle, this.#offset + BLOCK_HEAD_BYTES, length)
    this.#offset += BLOCK_HEAD_BYTES + length
    return decodeBlock(head.subarray(4), bytes, { id: this.seal.id, number: this.#number++ })
  }
}

async function readAt (handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await handle.read(bytes, 0, length, position)
  if (bytesRead < length) throw new RangeError('the file ends early')
  return bytes
}
