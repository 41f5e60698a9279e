import { hash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { Digest } from 'multiformats/hashes/digest'
import type { Address, BlobReader } from '../cas/blob-store.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'

export { CID }

/** Multicodec of chunks and of blocks, multihash of both. */
const RAW = 0x55
const DAG_CBOR = dagCbor.code
const SHA2_256 = 0x12
const DIGEST_BYTES = 32
/** Version, codec, hash, its length, and the hash. */
export const CID_BYTES = 36

export interface EncodedBlock {
  readonly cid: CID
  readonly address: Address
  readonly bytes: Uint8Array
}

/** Encodes a value as a canonical block. @throws {BackupError} `BLOCK_INVALID` when dag-cbor cannot carry it. */
export function encodeBlock (value: unknown): EncodedBlock {
  const bytes = attempt(() => dagCbor.encode(value), 'a value cannot be a block')
  const address = hash('sha256', bytes, 'hex')
  return { cid: blockCid(address), address, bytes }
}

/**
 * The value of a block.
 * @throws {BackupError} `BLOCK_INVALID` when the bytes are not canonical dag-cbor, `BLOB_CORRUPT` when they do not hash to `cid`.
 */
export function decodeBlock (bytes: Uint8Array, cid?: CID): unknown {
  const name = cid === undefined ? 'a block' : `block ${cid}`
  if (cid !== undefined) checkHash(bytes, cid)
  const value = attempt<unknown>(() => dagCbor.decode(bytes), `${name} is not dag-cbor`)
  const again = attempt(() => dagCbor.encode(value), `${name} cannot be encoded again`)
  if (Buffer.compare(bytes, again) !== 0) throw new BackupError('BLOCK_INVALID', `${name} is not canonical: encoded again it has other bytes`, { data: { cid: cid?.toString() } })
  return value
}

/** @throws {BackupError} `BLOB_CORRUPT` when the bytes do not hash to `cid` */
export function checkHash (bytes: Uint8Array, cid: CID): void {
  if (hash('sha256', bytes, 'hex') !== addressOf(cid)) throw new BackupError('BLOB_CORRUPT', `block ${cid} does not hash to its CID`, { data: { cid: cid.toString() } })
}

/** The address of the blob that a CID links to. @throws {BackupError} `BLOCK_INVALID` when it is no CIDv1 of ours. */
export function addressOf (cid: CID): Address {
  if (cid.version !== 1 || cid.multihash.code !== SHA2_256 || (cid.code !== RAW && cid.code !== DAG_CBOR)) {
    throw new BackupError('BLOCK_INVALID', `${cid} is neither a chunk's nor a block's CID`, { data: { cid: cid.toString() } })
  }
  return Buffer.from(cid.multihash.digest).toString('hex')
}

/** The CID that stands as text in `where`. @throws {BackupError} `BLOCK_INVALID` when it is none */
export function parseCid (text: string, where: string): CID {
  return attempt(() => CID.parse(text), `${where} names ${JSON.stringify(text.slice(0, 100))}, which is no CID`)
}

/** A CID as text that takes no more room than it needs: multiformats joins it letter by letter, and keeps every one of these strings. */
export function textOf (cid: CID): string {
  return Buffer.from(cid.toString(), 'latin1').toString('latin1')
}

/** CID of the chunk with that address. */
export function chunkCid (address: Address): CID {
  return cidFor(RAW, address)
}

/** CID of the block with that address. */
export function blockCid (address: Address): CID {
  return cidFor(DAG_CBOR, address)
}

function cidFor (codec: number, address: Address): CID {
  const bytes = new Uint8Array(CID_BYTES)
  bytes.set([1, codec, SHA2_256, DIGEST_BYTES])
  bytes.set(Buffer.from(address, 'hex'), CID_BYTES - DIGEST_BYTES)
  return cidOf(bytes)
}

/** True if the bytes of a CID of ours are at `start`. */
export function isCid (bytes: Uint8Array, start: number): boolean {
  const codec = bytes[start + 1]
  return bytes[start] === 1 && (codec === RAW || codec === DAG_CBOR) && bytes[start + 2] === SHA2_256 && bytes[start + 3] === DIGEST_BYTES && start + CID_BYTES <= bytes.length
}

/** The CID with these bytes, which become its own, if {@link isCid} says so: as `CID.decode`, at a fifth of what that allocates. */
export function cidOf (bytes: Uint8Array): CID {
  return new CID(1, bytes[1]!, new Digest(SHA2_256, DIGEST_BYTES, bytes.slice(CID_BYTES - DIGEST_BYTES), bytes.slice(2)), bytes)
}

/** True if the CID links to a chunk. */
export function isChunk (cid: CID): boolean {
  return cid.code === RAW
}

/** Reads what a CID links to. @throws {BackupError} `BLOB_MISSING`, and what `blobs.get` throws. */
export async function readBlob (blobs: Pick<BlobReader, 'get'>, cid: CID, options: AbortOptions = {}): Promise<Uint8Array> {
  const address = addressOf(cid)
  const bytes = await blobs.get(address, options)
  if (bytes === undefined) throw new BackupError('BLOB_MISSING', `blob ${address} (${cid}) is in no pack`, { data: { address, cid: cid.toString() } })
  return bytes
}

function attempt<T> (work: () => T, message: string): T {
  try {
    return work()
  } catch (error) {
    throw new BackupError('BLOCK_INVALID', `${message}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
