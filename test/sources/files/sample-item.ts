import { createHash } from 'node:crypto'
import { filesSource } from '../../../src/sources/files/files-source.ts'
import type { Content, FileEntry, RestoreItem } from '../../../src/sources/source.ts'
import type { Bytes } from '../../../src/stream.ts'

/** A hand-made entry; a file's bytes are given as text. */
export function entry (path: string, rest: Partial<Omit<FileEntry, 'path'>> & { readonly text?: string } = {}): FileEntry {
  const { text = '', ...given } = rest
  const common = { path, type: 'file' as const, mode: 0o644, mtimeNs: 1_700_000_000_000_001_000n, uid: process.getuid!(), gid: process.getgid!(), sizeBytes: 0, ...given }
  return common.type === 'file' ? { ...common, sizeBytes: given.sizeBytes ?? Buffer.byteLength(text), read: given.read ?? (async function * () { yield Buffer.from(text) }) } : common
}

/** A tree as a restorer gets it. */
export function itemOf (entries: () => AsyncIterable<FileEntry> | Iterable<FileEntry>): RestoreItem {
  return {
    id: 'files/tree', kind: 'files', deps: [], attributes: {}, sizeBytes: 0, rows: 0,
    read: () => { throw new Error('a folder tree has no bytes') },
    async * entries ({ signal } = {}) {
      for await (const one of entries()) {
        signal?.throwIfAborted()
        yield one.read === undefined ? one : { ...one, equals: async bytes => await digestOf(bytes) === await digestOf(one.read?.()) }
      }
    },
    equals: () => { throw new Error('a folder tree has no bytes') },
    async matches (content: Content) {
      if (content.form !== 'files') return false
      return JSON.stringify(await listingOf(content.entries())) === JSON.stringify(await listingOf(entries()))
    },
  }
}

/** The tree of a folder as it is now, as an item; its files are read when they are asked for. */
export function itemOfFolder (folder: string): RestoreItem {
  return itemOf(async function * () {
    const capture = await filesSource({ folder }).capture() // not closed: files are read after the entries
    for await (const { content } of capture.artifacts()) if (content.form === 'files') yield * content.entries()
  })
}

/** Everything there is to know about a tree, a line an entry. */
export async function listingOf (entries: AsyncIterable<FileEntry> | Iterable<FileEntry>): Promise<string[]> {
  const lines: string[] = []
  for await (const { read, mtimeNs, path, type, mode, uid, gid, sizeBytes, target } of entries) {
    lines.push(JSON.stringify([path, type, mode.toString(8), String(mtimeNs), uid, gid, sizeBytes, target ?? null, read === undefined ? null : await digestOf(read())]))
  }
  return lines
}

async function digestOf (bytes: Bytes | undefined): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes ?? []) hash.update(piece)
  return hash.digest('hex')
}

/** The listing of a folder on disk. */
export async function listFolder (folder: string): Promise<string[]> {
  return await listingOf(itemOfFolder(folder).entries())
}
