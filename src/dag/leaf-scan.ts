import { LINK_BYTES, PackedLinks } from './links.ts'
import type { TreeBlock, TreeEntry } from './tree.ts'

/** A block that links to chunks, as nearly all do. */
export interface Leaf extends Omit<TreeBlock, 'entries'> {
  readonly form: 'bytes' | 'rows'
  readonly entries: readonly LeafEntry[]
}

/** As {@link TreeEntry}; `link` are those to the chunk: one. */
export interface LeafEntry extends Omit<TreeEntry, 'link' | 'refs'> {
  readonly link: PackedLinks
  readonly refs: PackedLinks | undefined
}

export const MOST_ENTRIES = 1_024
const FORMS = [{ form: 'bytes', text: Buffer.from('\x65bytes', 'latin1') }, { form: 'rows', text: Buffer.from('\x64rows', 'latin1') }] as const
/** What stands before the members of a block, and of its entries, in canonical order. (format.md § Tree) */
const VERSION_AND_FORM = Buffer.from('\xa7\x61v\x01\x64form', 'latin1')
const KIND_AND_SIZE = Buffer.from('\x64kind\x64tree\x64size', 'latin1')
const COUNT = Buffer.from('\x65count', 'latin1')
const LEVEL_AND_ENTRIES = Buffer.from('\x65level\x00\x67entries', 'latin1')
/** The names of an entry's members. */
const [K, L, N, R, S] = [0x6b, 0x6c, 0x6e, 0x72, 0x73] as const
/** Kinds of items. */
const [UINT, BYTES, ARRAY, MAP] = [0, 2, 4, 5] as const

/**
 * A tree block of level 0, without an object for each link. Undefined for what is not canonical, not valid or not such a block: `checkTree` says then what
 * it is. All that this takes `checkTree` takes. The entries are views of `bytes`.
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
  #at = 0
  #size = 0
  #count = 0

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
    const length = this.#head(ARRAY)
    if (length > MOST_ENTRIES) other()
    const entries = Array.from({ length }, () => this.#entry(form === 'rows'))
    if (this.#at !== this.#bytes.length || this.#size !== size || this.#count !== count) other()
    return { form, level: 0, size, count, entries }
  }

  /** `{ k?, l, n (of rows), r? (of rows), s }` */
  #entry (ofRows: boolean): LeafEntry {
    const members = this.#head(MAP)
    const key = this.#isNext(K) ? this.#take(this.#head(BYTES)) : undefined
    const link = this.#isNext(L) ? this.#links(1) : other()
    if (!link.isChunkAt(0)) other()
    const count = ofRows ? this.#isNext(N) ? this.#head(UINT) : other() : undefined
    const refs = ofRows && this.#isNext(R) ? this.#links(this.#head(ARRAY)) : undefined
    const size = this.#isNext(S) ? this.#head(UINT) : other()
    if (members !== 2 + Number(key !== undefined) + Number(ofRows) + Number(refs !== undefined)) other()
    this.#size += size
    this.#count += count ?? 0
    return { link, size, count, key, refs }
  }

  #links (length: number): PackedLinks {
    if (length === 0) other()
    return PackedLinks.read(this.#take(length * LINK_BYTES)) ?? other()
  }

  /** The name of a member, of one letter. */
  #isNext (letter: number): boolean {
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

  #expect (bytes: Uint8Array): void {
    if (!this.#skipIf(bytes)) other()
  }

  #skipIf (bytes: Uint8Array): boolean {
    for (let i = 0; i < bytes.length; i++) if (this.#bytes[this.#at + i] !== bytes[i]) return false
    this.#at += bytes.length
    return true
  }
}

function other (): never {
  throw OTHER
}
