import { hash, randomUUID } from 'node:crypto'
import type { RememberedFile } from '../dag/file-memory.ts'

/*
 * A file of remembered files, in ascending order of their paths:
 *   blocks    length of the text (4 bytes, big endian), digest (16 bytes), text: path NUL state NUL root NUL size NUL, again and again
 *   seal      JSON: Seal
 *   tail      digest of the seal (16 bytes), its length (4 bytes, big endian)
 * A digest is the start of SHA-256 of the file's own name (`id`), the block's number and the text, so that no block of
 * another file passes for one of this. It is a cache of this program on one host: another version may throw it away.
 */

export const BLOCK_HEAD_BYTES = 20
export const TAIL_BYTES = 20
const DIGEST_BYTES = 16
const MEMBERS = 4

/** What stands at the end, when all blocks are there. */
export interface Seal {
  readonly v: 1
  readonly id: string
  /** CID of the folder tree whose files these are. */
  readonly root: string
  /** When the capture began, in milliseconds since 1970. */
  readonly beginMs: number
  /** Names of packs among which are all that hold blobs of the tree. */
  readonly packs: readonly string[]
}

export function newId (): string {
  return randomUUID()
}

export function textOf ({ path, state, root, size }: RememberedFile): string {
  return `${path}\0${state}\0${root}\0${size}\0`
}

/** The files of a block's text. */
export function * filesIn (text: string): Generator<RememberedFile> {
  const members = text.split('\0')
  for (let at = 0; at + MEMBERS < members.length; at += MEMBERS) {
    yield { path: members[at]!, state: members[at + 1]!, root: members[at + 2]!, size: Number(members[at + 3]) }
  }
}

export function encodeBlock (text: string, place: { readonly id: string, readonly number: number }): Buffer {
  const bytes = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(bytes.length)
  return Buffer.concat([head, digestOf(bytes, place), bytes])
}

/** The text of a block, undefined when it is not what was written there. */
export function decodeBlock (digest: Uint8Array, bytes: Buffer, place: { readonly id: string, readonly number: number }): string | undefined {
  return digestOf(bytes, place).equals(digest) ? bytes.toString() : undefined
}

export function encodeSeal (seal: Seal): Buffer {
  const bytes = Buffer.from(JSON.stringify(seal))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([bytes, digestOf(bytes, { id: 'seal', number: 0 }), length])
}

/** The seal, undefined when it is none of this version. */
export function decodeSeal (digest: Uint8Array, bytes: Buffer): Seal | undefined {
  if (!digestOf(bytes, { id: 'seal', number: 0 }).equals(digest)) return undefined
  const seal = JSON.parse(bytes.toString()) as Seal // written by `encodeSeal`, as its digest shows
  return seal.v === 1 ? seal : undefined
}

function digestOf (bytes: Uint8Array, { id, number }: { readonly id: string, readonly number: number }): Buffer {
  const salt = Buffer.from(`${id} ${number}\n`)
  return hash('sha256', Buffer.concat([salt, bytes]), 'buffer').subarray(0, DIGEST_BYTES)
}
