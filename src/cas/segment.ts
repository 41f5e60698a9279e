import { createHash } from 'node:crypto'
import { encode } from '@ipld/dag-cbor'
import { BackupError } from '../errors.ts'
import { decodeBlobList, encodeBlobList, listVersion } from './blob-list.ts'
import { decodeMap } from './canonical-cbor.ts'
import type { Damaged } from './canonical-cbor.ts'
import { HEAD_BYTES, TRAILER_BYTES } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'

/* "CAFINDX1" | dag-cbor { packs: [{ blobs, name, object?, size }], v } | SHA-256 of all before, 32 bytes */
const MAGIC = Buffer.from('CAFINDX1')
const DIGEST_BYTES = 32
const VERSION = 2

/** How many blobs a segment lists at most, unless one pack alone has more. Read, each takes some 400 bytes of memory. */
export const SEGMENT_BLOBS = 16_384

export function encodeSegment (packs: readonly PackListing[]): Uint8Array {
  const rows = packs.map(({ name, blobs, sizeBytes, objectBytes }) => ({
    blobs: encodeBlobList(blobs), name: Buffer.from(name, 'hex'), size: sizeBytes, ...(objectBytes === undefined ? {} : { object: objectBytes }),
  }))
  const hashed = Buffer.concat([MAGIC, encode({ packs: rows, v: Math.max(1, ...packs.map(({ blobs }) => listVersion(blobs))) })])
  return Buffer.concat([hashed, sha256(hashed)])
}

/** The packs that the segment called `name` lists. @throws {BackupError} `INDEX_CORRUPT`, `FORMAT_UNKNOWN` */
export function decodeSegment (name: string, bytes: Uint8Array): PackListing[] {
  const damaged: Damaged = (why, cause) => segmentCorrupt(name, why, cause)
  const end = bytes.length - DIGEST_BYTES
  if (end < MAGIC.length || !sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))) throw damaged('its hash does not match')
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) throw damaged('it does not begin as a segment does')
  const body = decodeMap<{ v?: unknown, packs?: unknown }>(bytes.subarray(MAGIC.length, end), damaged)
  if (typeof body.v === 'number' && body.v > VERSION) {
    throw new BackupError('FORMAT_UNKNOWN', `index segment ${name} has version ${body.v}; use a newer version`, { data: { segment: name } })
  }
  if (!Array.isArray(body.packs)) throw damaged('it lists no packs')
  return body.packs.map((pack: unknown) => decodePack(pack, damaged))
}

/** Splits packs into runs that each fit into a segment. */
export function segmentRuns (packs: readonly PackListing[]): PackListing[][] {
  const runs: PackListing[][] = []
  let room = 0
  for (const pack of packs) {
    if (pack.blobs.length > room || runs.length === 0) {
      runs.push([])
      room = SEGMENT_BLOBS
    }
    runs.at(-1)!.push(pack)
    room -= pack.blobs.length
  }
  return runs
}

function decodePack (value: unknown, damaged: (why: string) => BackupError): PackListing {
  const pack = value as { name?: unknown, size?: unknown, object?: unknown, blobs?: unknown } | null
  if (!(pack?.name instanceof Uint8Array) || pack.name.length !== 16) throw damaged('it lists a pack without a name')
  const name = Buffer.from(pack.name).toString('hex')
  const blobs = decodeBlobList(pack.blobs, why => damaged(`its list of pack ${name} ${why}`))
  const least = blobs.reduce((sum, blob) => sum + blob.stored, HEAD_BYTES + TRAILER_BYTES)
  if (!Number.isSafeInteger(pack.size) || (pack.size as number) < least) throw damaged(`it lists pack ${name} with a wrong size`)
  const listing = { name, sizeBytes: pack.size as number, blobs }
  if (pack.object === undefined) return listing
  if (!Number.isSafeInteger(pack.object) || (pack.object as number) < listing.sizeBytes) throw damaged(`it lists pack ${name} with a wrong size of its object`)
  return { ...listing, objectBytes: pack.object as number }
}

/** The error for a segment that is not what it should be. */
export function segmentCorrupt (name: string, why: string, cause?: unknown): BackupError {
  return new BackupError('INDEX_CORRUPT', `index segment ${name} is damaged: ${why}; it can be made again from the packs (repair)`, { data: { segment: name }, cause })
}

function sha256 (bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
