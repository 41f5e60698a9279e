import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { systemCode } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { temporaryName } from './temporary-file.ts'

const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

/** Makes names created, renamed or removed in `folder` durable. */
export async function syncFolder (folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Creates `folder` and what is missing above it. @returns the uppermost folder that was made, if any was */
export async function makeFolder (folder: string): Promise<string | undefined> {
  return await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
}

/** Makes the names of `folder` and of the folders above it durable, the last one in `top`, which is above `folder` or itself. */
export async function syncFolders (folder: string, top: string): Promise<void> {
  for (let path = folder; path !== top && path !== dirname(path); path = dirname(path)) await syncFolder(dirname(path))
}

/**
 * Writes `path` in a folder that exists: whole and durable once this returns, else as if never tried.
 * Returns false, and changes nothing, if `keep` is set and the file is there already.
 */
export async function writeDurable (
  path: string, body: Uint8Array | Bytes, { keep = false, signal }: AbortOptions & { readonly keep?: boolean } = {}
): Promise<boolean> {
  const folder = dirname(path)
  const temporary = join(folder, temporaryName())
  try {
    await writeSynced(temporary, body, signal)
    const placed = keep ? await placeNew(temporary, path) : await place(temporary, path)
    // Also when another writer was first: its name may not be durable yet, and our caller builds on it.
    await syncFolder(folder)
    return placed
  } finally {
    await rm(temporary, { force: true })
  }
}

/** The file's bytes; undefined when there is none. */
export async function readIfPresent (path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeSynced (path: string, body: Uint8Array | Bytes, signal?: AbortSignal): Promise<void> {
  const handle = await open(path, 'wx', FILE_MODE)
  try {
    for await (const piece of body instanceof Uint8Array ? [body] : body) {
      signal?.throwIfAborted()
      await handle.appendFile(piece)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function place (temporary: string, path: string): Promise<true> {
  await rename(temporary, path)
  return true
}

/** link(2) fails if the name exists, for all but one of any number of processes; rename(2) would replace. */
async function placeNew (temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path)
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}
