import type { Address } from '../cas/blob-store.ts'
import type { TreeBlock, TreeEntry } from './tree.ts'
import { MOST_ENTRIES } from './tree.ts'

/** What stands in the blocks that link to chunks, which are nearly all there are. */
export interface Leaf extends Omit<TreeBlock, 'entries'> {
  /** The first one, if there is one. */
  readonly entries: readonly Pick<TreeEntry, 'key'>[]
  /** To the chunks, and after each to the values out of line in it. */
  readonly links: readonly LeafLink[]
}

export interface LeafLink {
  readonly address: Address
  /** False for a value out of line that is more than one chunk. */
  readonly isChunk: boolean
}

const FORMS = [{ form: 'bytes', text: Buffer.from('\x65bytes', 'latin1') }, { form: 'rows', text: Buffer.from('\x64rows', 'latin1') }] as const
/** What stands before the members of a block, and of its entries, in canonical order. (format.md § Tree) */
const VERSION_AND_FORM = Buffer.from('\xa7\x61v\x01\x64form', 'latin1')
const KIND_AND_SIZE = Buffer.from('\x64kind\x64tree\x64size', 'latin1')
const COUNT = Buffer.from('\x65count', 'latin1')
const LEVEL_AND_ENTRIES = Buffer.from('\x65level\x00\x67entries', 'latin1')
const LINK_HEAD = Buffer.from('\xd8\x2a\x58\x25\x00\x01', 'latin1')
const DIGEST_HEAD = Buffer.from('\x12\x20', 'latin1')
const DIGEST_BYTES = 32
const RAW = 0x55
const DAG_CBOR = 0x71
const [K, L, N, R, S] = [...'klnrs'].map(name => name.charCodeAt(0))
const [UINT, BYTES, ARRAY, MAP] = [0, 2, 4, 5]

/**
 * The links of a tree block of level 0, without an object for each of its parts. Undefined for what is not canonical, not valid or not such a block:
 * `decodeTree` says then what it is. All that this takes `decodeTree` takes.
 */
export function scanLeaf (bytes: Uint8Array): Leaf | undefined {
  try {
    return new LeafScan(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).leaf()
  } catch (error) {
    if (error === OTHER) return undefined
    throw error
  }
}

/** Thrown within this file by what is no leaf in canonical form. */
const OTHER = new Error('no leaf')

class LeafScan {
  readonly #bytes: Buffer
  readonly #links: LeafLink[] = []
  #at = 0
  #size = 0
  #count = 0
  #key: Uint8Array | undefined

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  leaf (): Leaf {
    this.#expect(VERSION_AND_FORM)
    const { form } = FORMS.find(({ text }) => this.#skipIf(text)) ?? other()
    this.#expect(KIND_AND_SIZE)
    const size = this.#head(UINT)
    this.#expect(COUNT)
    const count = this.#head(UINT)
    this.#expect(LEVEL_AND_ENTRIES)
    const entries = this.#head(ARRAY)
    if (entries > MOST_ENTRIES) other()
    for (let i = 0; i < entries; i++) this.#entry(form === 'rows', i === 0)
    if (this.#at !== this.#bytes.length || this.#size !== size || this.#count !== count) other()
    return { form, level: 0, size, count, entries: [{ key: this.#key }], links: this.#links }
  }

  /** `{ k?, l, n (of rows), r? (of rows), s }` */
  #entry (ofRows: boolean, isFirst: boolean): void {
    let members = this.#head(MAP)
    if (this.#isNext(K)) {
      members--
      const key = this.#take(this.#head(BYTES))
      if (isFirst) this.#key = key
    }
    if (!this.#isNext(L) || !this.#link()) other()
    if (ofRows) this.#count += this.#isNext(N) ? this.#head(UINT) : other()
    if (ofRows && this.#isNext(R)) {
      members--
      this.#refs()
    }
    this.#size += this.#isNext(S) ? this.#head(UINT) : other()
    if (members !== (ofRows ? 3 : 2)) other()
  }

  #refs (): void {
    const refs = this.#head(ARRAY)
    if (refs === 0) other()
    for (let i = 0; i < refs; i++) this.#link()
  }

  /** @returns true for a link to a chunk */
  #link (): boolean {
    this.#expect(LINK_HEAD)
    const codec = this.#bytes[this.#at++]
    if (codec !== RAW && codec !== DAG_CBOR) other()
    this.#expect(DIGEST_HEAD)
    const start = this.#at
    this.#at += DIGEST_BYTES
    if (this.#at > this.#bytes.length) other()
    this.#links.push({ address: this.#bytes.toString('hex', start, this.#at), isChunk: codec === RAW })
    return codec === RAW
  }

  /** The name of a member, of one letter. */
  #isNext (letter: number | undefined): boolean {
    if (this.#bytes[this.#at] !== 0x61 || this.#bytes[this.#at + 1] !== letter) return false
    this.#at += 2
    return true
  }

  /** The number in the head of an item of that kind, in its shortest form. */
  #head (kind: number): number {
    const byte = this.#bytes[this.#at++]
    if (byte === undefined || byte >> 5 !== kind) other()
    const short = byte & 31
    if (short < 24) return short
    const length = 1 << (short - 24)
    if (short > 27 || this.#at + length > this.#bytes.length) other()
    const value = length === 8 ? Number(this.#bytes.readBigUInt64BE(this.#at)) : this.#bytes.readUIntBE(this.#at, length)
    this.#at += length
    const least = length === 1 ? 24 : 2 ** (4 * length)
    return value < least || !Number.isSafeInteger(value) ? other() : value
  }

  #take (length: number): Uint8Array {
    const start = this.#at
    this.#at += length
    return this.#at > this.#bytes.length ? other() : this.#bytes.subarray(start, this.#at)
  }

  #expect (bytes: Buffer): void {
    if (!this.#skipIf(bytes)) other()
  }

  #skipIf (bytes: Buffer): boolean {
    for (let i = 0; i < bytes.length; i++) if (this.#bytes[this.#at + i] !== bytes[i]) return false
    this.#at += bytes.length
    return true
  }
}

function other (): never {
  throw OTHER
}
