import type { Dirent } from 'node:fs'
import { open, readdir, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { systemCode } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { byteRange } from './byte-range.ts'
import type { ByteRange } from './byte-range.ts'
import { makeFolder, syncFolder, writeDurable } from './durable-file.ts'
import { DurableNames } from './durable-names.ts'
import { checkKey, checkPrefix, isKeyPart } from './object-key.ts'
import { SourceGuard } from './source-guard.ts'
import type { ObjectEntry, PutOptions, RangeOptions, StorageBackend } from './storage-backend.ts'
import { storageError } from './storage-error.ts'
import { removeLeftovers } from './temporary-file.ts'

const PIECE_BYTES = 256 * 1024
const STATS_AT_ONCE = 64

/** Objects as files under a folder: one file a key, folders 0700, files 0600. */
export class DirectoryBackend implements StorageBackend {
  readonly location: string
  /** Folders this process has already tidied and whose names it knows to be durable. */
  readonly #ready = new Map<string, Promise<void>>()
  readonly #names = new DurableNames()

  constructor (path: string) {
    this.location = resolve(path)
  }

  async put (key: string, body: Uint8Array | Bytes, { whenPresent = 'replace', signal }: PutOptions = {}): Promise<boolean> {
    const path = this.#path(key)
    const source = body instanceof Uint8Array ? undefined : new SourceGuard(body)
    return await this.#attempt(`cannot write ${path}`, signal, async () => {
      await this.#prepare(dirname(path))
      return await writeDurable(path, source?.pieces() ?? body, { keep: whenPresent === 'keep', signal })
    }).catch((error: unknown) => { throw source?.failure === undefined ? error : source.failure.reason })
  }

  async get (key: string, options: RangeOptions = {}): Promise<Uint8Array | undefined> {
    const path = this.#path(key)
    const range = byteRange(options)
    return await this.#attempt(`cannot read ${path}`, options.signal, async () => {
      const handle = await orAbsent(async () => await open(path, 'r'))
      if (handle === undefined) return undefined
      try {
        return await orAbsent(async () => await readRange(handle, range))
      } finally {
        await handle.close()
      }
    })
  }

  async stream (key: string, options: RangeOptions = {}): Promise<Bytes | undefined> {
    const path = this.#path(key)
    const range = byteRange(options)
    const what = `cannot read ${path}`
    const present = await this.#attempt(what, options.signal, async () => await isFile(path))
    if (!present) return undefined
    return this.#pieces(path, range, options)
  }

  async size (key: string, { signal }: AbortOptions = {}): Promise<number | undefined> {
    const path = this.#path(key)
    return await this.#attempt(`cannot look up ${path}`, signal, async () => await sizeIfPresent(path))
  }

  async * list (prefix: string, { signal }: AbortOptions = {}): AsyncGenerator<ObjectEntry> {
    checkPrefix(prefix)
    yield * this.#listFolder(prefix, signal)
  }

  async delete (key: string, { signal }: AbortOptions = {}): Promise<boolean> {
    const path = this.#path(key)
    return await this.#attempt(`cannot delete ${path}`, signal, async () => {
      if (!await isFile(path)) return false
      try {
        await rm(path)
      } catch (error) {
        if (isAbsent(error)) return false
        throw error
      }
      await syncFolder(dirname(path))
      return true
    })
  }

  async close (): Promise<void> {
    this.#ready.clear()
  }

  #path (key: string): string {
    checkKey(key)
    return join(this.location, key)
  }

  async #attempt<T> (what: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    try {
      return await act()
    } catch (error) {
      throw storageError(what, error, signal)
    }
  }

  async #prepare (folder: string): Promise<void> {
    const made = await makeFolder(folder)
    if (made !== undefined) {
      this.#ready.delete(folder)
      this.#names.forget(made)
    }
    const ready = this.#ready.get(folder) ?? this.#settle(folder, made)
    this.#ready.set(folder, ready)
    try {
      await ready
    } catch (error) {
      this.#ready.delete(folder)
      throw error
    }
  }

  /** Another process may have made the folder a moment ago and not yet synced it, so this does. */
  async #settle (folder: string, made: string | undefined): Promise<void> {
    await this.#names.sync(folder, made !== undefined && this.location.startsWith(made) ? dirname(made) : this.location)
    await removeLeftovers(folder)
  }

  async * #pieces (path: string, { offset, length }: ByteRange, { signal }: AbortOptions): AsyncGenerator<Uint8Array> {
    const what = `cannot read ${path}`
    const handle = await this.#attempt(what, signal, async () => await open(path, 'r'))
    try {
      for (let done = 0; done < length;) {
        const wanted = { offset: offset + done, length: Math.min(PIECE_BYTES, length - done) }
        const piece = await this.#attempt(what, signal, async () => await readRange(handle, wanted))
        if (piece.length === 0) return
        yield piece
        done += piece.length
      }
    } finally {
      await handle.close()
    }
  }

  async * #listFolder (prefix: string, signal?: AbortSignal): AsyncGenerator<ObjectEntry> {
    const folder = join(this.location, prefix)
    const entries = await this.#attempt(`cannot list ${folder}`, signal, async () => await readFolder(folder))
    // A folder sorts as its name with the slash, as its keys do.
    const names = entries.filter(entry => isKeyPart(entry.name)).map(entry => entry.isDirectory() ? `${entry.name}/` : entry.name)
    names.sort(byBytes)
    for (let start = 0; start < names.length; start += STATS_AT_ONCE) {
      signal?.throwIfAborted()
      const keys = names.slice(start, start + STATS_AT_ONCE).map(name => prefix + name)
      const sizes = await Promise.all(keys.map(async key => key.endsWith('/') ? undefined : await this.size(key)))
      for (const [i, key] of keys.entries()) {
        const sizeBytes = sizes[i]
        if (key.endsWith('/')) yield * this.#listFolder(key, signal)
        else if (sizeBytes !== undefined) yield { key, sizeBytes }
      }
    }
  }
}

/** Objects as files under `path`, which is made when something is first put. */
export function directoryBackend (path: string): DirectoryBackend {
  return new DirectoryBackend(path)
}

function byBytes (one: string, other: string): number {
  return one < other ? -1 : 1
}

/** ENOTDIR: a part of the key is an object itself, so nothing can be below it. EISDIR: the key is a part of others only. */
function isAbsent (error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'EISDIR'].includes(systemCode(error) ?? '')
}

async function orAbsent<T> (act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

async function sizeIfPresent (path: string): Promise<number | undefined> {
  const found = await orAbsent(async () => await stat(path))
  return found?.isFile() === true ? found.size : undefined
}

async function isFile (path: string): Promise<boolean> {
  return await sizeIfPresent(path) !== undefined
}

async function readFolder (folder: string): Promise<Dirent[]> {
  return await orAbsent(async () => await readdir(folder, { withFileTypes: true })) ?? []
}

/** The bytes of the range that exist; fewer than asked for at the end of the file. */
async function readRange (handle: FileHandle, { offset, length }: ByteRange): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(length <= PIECE_BYTES ? length : await available(handle, offset, length))
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

async function available (handle: FileHandle, offset: number, length: number): Promise<number> {
  const { size } = await handle.stat()
  return Math.min(length, Math.max(0, size - offset))
}
