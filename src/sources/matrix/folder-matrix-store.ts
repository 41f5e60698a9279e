import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
import type { BackupErrorCode } from '../../errors.ts'
import type { AbortOptions, Bytes } from '../../stream.ts'
import type { MatrixEntry, MatrixStore } from './matrix-store.ts'
import { checkMatrixName } from './matrix-store.ts'

const ENDING = '.npy'

/** The files `<name>.npy` directly in a folder; anything else in it is left alone. Writing makes the folder if it is not there. */
export function folderMatrixStore (folder: string): MatrixStore {
  const place = resolve(folder)
  const pathOf = (name: string): string => {
    checkMatrixName(name)
    return join(place, name + ENDING)
  }
  return {
    location: place,
    async list () {
      const files = await coded(`listing the matrices in ${place}`, async () => await readdir(place, { withFileTypes: true }))
      const names = files.filter(file => file.isFile() && file.name.endsWith(ENDING) && !file.name.startsWith('.')).map(file => file.name.slice(0, -ENDING.length))
      return await Promise.all(names.sort().map(async name => await entryOf(name, pathOf(name))))
    },
    async read (name, { signal } = {}) {
      const path = pathOf(name)
      signal?.throwIfAborted()
      return await exists(path) ? readFile(path, { signal }) : undefined
    },
    async write (name, body, { signal } = {}) {
      await coded(`writing matrix ${pathOf(name)}`, async () => { await writeFile(place, pathOf(name), body, signal) }, signal)
    },
    async delete (name) {
      const path = pathOf(name)
      if (!await exists(path)) return false
      await coded(`deleting matrix ${path}`, async () => {
        await rm(path, { force: true })
        await syncFolder(place)
      })
      return true
    },
  }
}

async function entryOf (name: string, path: string): Promise<MatrixEntry> {
  const { ino, size, mtimeNs, ctimeNs } = await coded(`looking at matrix ${path}`, async () => await stat(path, { bigint: true }))
  return { name, version: [ino, size, mtimeNs, ctimeNs].join(':') }
}

async function exists (path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw fileError(`looking at matrix ${path}`, error)
  }
}

async function * readFile (path: string, { signal }: AbortOptions): AsyncGenerator<Uint8Array> {
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 })
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) {
      signal?.throwIfAborted()
      yield piece
    }
  } catch (error) {
    signal?.throwIfAborted()
    throw fileError(`reading matrix ${path}`, error)
  } finally {
    stream.destroy()
  }
}

/** Under a temporary name first, so that `path` is the old matrix or the new one, never a part. */
async function writeFile (folder: string, path: string, body: Bytes, signal: AbortSignal | undefined): Promise<void> {
  await mkdir(folder, { recursive: true })
  const temporary = join(folder, `.${randomUUID()}.tmp`)
  try {
    const handle = await open(temporary, 'wx')
    try {
      for await (const piece of body) {
        signal?.throwIfAborted()
        await handle.appendFile(piece)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
    await syncFolder(folder)
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Makes names that were created, replaced or removed in `folder` durable. */
async function syncFolder (folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function coded<T> (what: string, act: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof BackupError || (signal?.aborted === true && error === signal.reason)) throw error
    throw fileError(what, error)
  }
}

const CODES: Readonly<Record<string, BackupErrorCode>> = { ENOENT: 'SOURCE_MISSING', ENOTDIR: 'SOURCE_MISSING', EACCES: 'SOURCE_DENIED', EPERM: 'SOURCE_DENIED', EROFS: 'SOURCE_DENIED', ENOSPC: 'STORAGE_FULL', EDQUOT: 'STORAGE_FULL' }

function fileError (what: string, cause: unknown): BackupError {
  const system = systemCode(cause)
  return new BackupError(CODES[system ?? ''] ?? 'SOURCE_FAILED', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { data: { system }, cause })
}
