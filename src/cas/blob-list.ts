import type { BackupError } from '../errors.ts'
import { ADDRESS_BYTES, addressFromBytes, addressToBytes } from './address.ts'
import type { Address } from './blob-store.ts'

/** 0: the plain bytes; 1: a zstd frame; 2: a zstd frame with the plain bytes of `base` as dictionary; 3: a script that edits those. */
export type Encoding = 0 | 1 | 2 | 3

/** How a pack holds a blob. */
export interface PackedBlob {
  readonly address: Address
  readonly encoding: Encoding
  /** Length in the pack. */
  readonly stored: number
  /** Length of the blob itself. */
  readonly plain: number
  /** Set iff `encoding` is 2 or 3. */
  readonly base?: Address
  /** 0 without base; else more than that of the base's copy, and at most {@link MAX_DEPTH}. */
  readonly depth: number
}

export const MAX_DEPTH = 8

/** The version of what lists them: readers of version 1 know no scripts. */
export function listVersion (blobs: readonly PackedBlob[]): 1 | 2 {
  return blobs.some(({ encoding }) => encoding === 3) ? 2 : 1
}

/** In footers and segments: `[address, encoding, stored, plain, base, depth]`. */
type Row = [Uint8Array, number, number, number, Uint8Array | null, number]

export function encodeBlobList (blobs: readonly PackedBlob[]): Row[] {
  return blobs.map(({ address, encoding, stored, plain, base, depth }) =>
    [addressToBytes(address), encoding, stored, plain, base === undefined ? null : addressToBytes(base), depth])
}

/** `damaged` makes the error, from half a sentence. */
export function decodeBlobList (value: unknown, damaged: (why: string) => BackupError): PackedBlob[] {
  if (!Array.isArray(value) || value.length === 0) throw damaged('lists no blobs')
  return value.map((row, i) => {
    if (!isRow(row)) throw damaged(`has an entry ${i} that is none`)
    const base = row[4]
    const blob = { address: addressFromBytes(row[0]), encoding: row[1] as Encoding, stored: row[2], plain: row[3], depth: row[5] }
    return base === null ? blob : { ...blob, base: addressFromBytes(base) }
  })
}

function isRow (row: unknown): row is Row {
  if (!Array.isArray(row) || row.length !== 6) return false
  const members = row as unknown[]
  const encoding = members[1], stored = members[2], plain = members[3], base = members[4], depth = members[5]
  if (!isBytes(members[0]) || !isLength(stored) || !isLength(plain) || !isLength(depth)) return false
  if (encoding === 2 || encoding === 3) return isBytes(base) && depth >= 1 && depth <= MAX_DEPTH
  return base === null && depth === 0 && (encoding === 1 || (encoding === 0 && stored === plain))
}

function isBytes (value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === ADDRESS_BYTES
}

function isLength (value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31
}
