import { hash } from 'node:crypto'
import type { StoreContext } from '../../src/dag/content.ts'
import type { ByteContent, FileContent, FileEntry, KeyColumn, RowContent } from '../../src/sources/source.ts'
import { bytesOf } from '../../src/stream.ts'
import { splitInto, stream } from '../compliance/chunker.ts'
import type { MemoryBlobs } from './memory-blobs.ts'

export const SEED = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
export const CHUNKER = { min: 1_024, average: 4_096, max: 16_384 }

export function contextOf (blobs: MemoryBlobs, options: Partial<StoreContext> = {}): StoreContext {
  return { blobs, seed: SEED, chunker: CHUNKER, ...options }
}

/** A number without a pattern, below `limit`. */
export function seeded (name: string, limit: number): number {
  return parseInt(hash('sha256', name, 'hex').slice(0, 12), 16) % limit
}

/** A table of lines of COPY text. */
export function tableOf (lines: readonly string[], { key = [{ order: 'integer' }], columns = ['id', 'text'], pieces = [], averageRowBytes }: {
  readonly key?: readonly KeyColumn[], readonly columns?: readonly string[], readonly pieces?: readonly number[], readonly averageRowBytes?: number
} = {}): RowContent {
  const text = Buffer.from(lines.map(line => `${line}\n`).join(''))
  return { form: 'rows', layout: { columns, key }, read: () => stream(splitInto(text, pieces)), ...(averageRowBytes === undefined ? {} : { averageRowBytes }) }
}

export function bytesContent (bytes: Uint8Array, cut?: ByteContent['cut']): ByteContent {
  return { form: 'bytes', read: () => bytesOf(bytes), ...(cut === undefined ? {} : { cut }) }
}

export function fileOf (path: string, content: Uint8Array | string, changes: Partial<FileEntry> = {}): FileEntry {
  const bytes = Buffer.from(content)
  return { path, type: 'file', mode: 0o644, mtimeNs: 1_700_000_000_000_000_001n, uid: 1_000, gid: 100, sizeBytes: bytes.length, read: () => bytesOf(bytes), ...changes }
}

export function filesOf (entries: readonly FileEntry[]): FileContent {
  return { form: 'files', async * entries () { yield * entries } }
}
