import { base32 } from 'multiformats/bases/base32'
import type { Address } from '../cas/blob-store.ts'
import { BackupError } from '../errors.ts'
import type { CID } from './block.ts'
import { CID_BYTES, cidOf, isCid } from './block.ts'

/** What stands before a CID in a block: tag 42, bytes of that length, and a zero. */
const LINK_HEAD = Uint8Array.of(0xd8, 0x2a, 0x58, 0x25, 0x00)
export const LINK_BYTES: number = LINK_HEAD.length + CID_BYTES
const DIGEST_START = LINK_BYTES - 32
const CODEC = LINK_HEAD.length + 1
const RAW = 0x55
/** The decoder takes capitals too. */
const TEXT = /^b[a-z2-7]{58}$/

/** Several links, in order. */
export interface Links extends Iterable<CID> {
  readonly length: number
}

/** Links as they stand in a block, one after the other: as objects, the thousands in a block of a folder tree cost more than all else that is done with it. */
export class PackedLinks implements Links {
  /** {@link LINK_BYTES} of each; never changed. */
  readonly bytes: Buffer

  private constructor ({ buffer, byteOffset, length }: Uint8Array) {
    this.bytes = Buffer.from(buffer, byteOffset, length)
  }

  /** Those that stand in a block; undefined if they are not links of ours. */
  static read (bytes: Uint8Array): PackedLinks | undefined {
    for (let at = 0; at < bytes.length; at += LINK_BYTES) {
      if (!isLink(bytes, at)) return undefined
    }
    return new PackedLinks(bytes)
  }

  /** @throws {BackupError} `BLOCK_INVALID` for a link to something else than a chunk or a block */
  static of (links: Links): PackedLinks {
    return links instanceof PackedLinks ? links : PackedLinks.#pack(Array.from(links, cid => isCid(cid.bytes, 0) ? cid.bytes : noLink(cid.toString())))
  }

  /** Those that stand in rows. @throws {BackupError} `BLOCK_INVALID` */
  static parse (texts: readonly string[]): PackedLinks {
    return PackedLinks.#pack(texts.map(text => bytesOfText(text) ?? noLink(text)))
  }

  static #pack (cids: readonly Uint8Array[]): PackedLinks {
    const bytes = new Uint8Array(cids.length * LINK_BYTES)
    for (const [index, cid] of cids.entries()) {
      bytes.set(LINK_HEAD, index * LINK_BYTES)
      bytes.set(cid, index * LINK_BYTES + LINK_HEAD.length)
    }
    return new PackedLinks(bytes)
  }

  get length (): number {
    return this.bytes.length / LINK_BYTES
  }

  * [Symbol.iterator] (): Generator<CID> {
    for (let at = 0; at < this.bytes.length; at += LINK_BYTES) yield this.#cidAt(at)
  }

  /** True if the link of that number is the one of which this is the text. */
  isAt (index: number, text: string): boolean {
    const at = index * LINK_BYTES + LINK_HEAD.length
    const bytes = bytesOfText(text)
    return bytes !== undefined && this.bytes.compare(bytes, 0, CID_BYTES, at, at + CID_BYTES) === 0
  }

  at (index: number): CID {
    return this.#cidAt(index * LINK_BYTES)
  }

  isChunkAt (index: number): boolean {
    return this.bytes[index * LINK_BYTES + CODEC] === RAW
  }

  addressAt (index: number): Address {
    const at = index * LINK_BYTES
    return this.bytes.toString('hex', at + DIGEST_START, at + LINK_BYTES)
  }

  #cidAt (at: number): CID {
    return cidOf(new Uint8Array(this.bytes.subarray(at + LINK_HEAD.length, at + LINK_BYTES))) // a copy, so that it does not keep the block
  }
}

function isLink (bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < LINK_HEAD.length; i++) if (bytes[start + i] !== LINK_HEAD[i]) return false
  return isCid(bytes, start + LINK_HEAD.length) && start + LINK_BYTES <= bytes.length
}

/** The bytes of a CID of ours, each of which has one text; undefined for any other text. */
function bytesOfText (text: string): Uint8Array | undefined {
  if (!TEXT.test(text)) return undefined
  try {
    const bytes = base32.decode(text)
    return isCid(bytes, 0) ? bytes : undefined
  } catch {
    return undefined
  }
}

function noLink (text: string): never {
  throw new BackupError('BLOCK_INVALID', `${JSON.stringify(text.slice(0, 100))} is no CID of a chunk or block`)
}
