import { keyEnd, NEWLINE, TAB } from '../chunking/copy-text.ts'
import { LONGEST_RUN } from '../chunking/row-chunker.ts'
import type { KeySpan, RowChunkerOptions } from '../chunking/row-chunker.ts'
import { SipHash } from '../chunking/sip-hash.ts'
import { EditedRun } from './edited-run.ts'
import type { EditedChunk, Origin } from './edited-run.ts'
import { spanOf } from './key-order.ts'
import type { RowEdit } from './row-edits.ts'
import { isUntouched } from './row-edits.ts'
import { findRow, isSameKey, lastRow, rowEnd } from './row-search.ts'
import type { RowGroup } from './sorted-rows.ts'
import { unfit } from './sorted-rows.ts'
import type { TreeEntry } from './tree.ts'

export interface RowEditorOptions extends RowChunkerOptions {
  /** Reads a chunk. */
  readonly fetch: (entry: TreeEntry) => Promise<Uint8Array>
  /** Told of each chunk that was read when it is not needed any more, but by the chunks that name it as their base. */
  readonly spent: (bytes: Uint8Array) => void
}

/** An edit, with the chunk's rows if they were read already. */
export interface FetchedEdit extends RowEdit {
  readonly bytes: Uint8Array | undefined
}

/** So many chunks wait untouched for a border to be found. */
const MOST_PENDING = 256

/** The chunk that is being edited. */
class Piece {
  readonly entry: TreeEntry
  readonly bytes: Uint8Array
  /** Offset of the first row that was not gone through. */
  at = 0
  deleted = 0
  /** True when rows were put in, so that it is in more than one atom. */
  isParted = false
  isTouched = false
  /** True when the last row is not there any more. */
  lostEnd = false
  /** Set when the last row was gone through: true if its key made a border. */
  endedAtBorder: boolean | undefined

  constructor (entry: TreeEntry, bytes: Uint8Array) {
    this.entry = entry
    this.bytes = bytes
  }

  /** Where an atom that ends with its last row is from. */
  get origin (): Origin {
    const { entry, bytes, deleted, isParted, isTouched } = this
    return { entry, bytes, isOld: true, isWhole: !isTouched && !isParted && deleted === 0, rows: isParted ? undefined : (entry.count ?? 0) - deleted }
  }
}

/**
 * Makes the chunks that cutting all rows anew would give out of those of an earlier version, of which it reads only what changed and what
 * is between that and the next borders.
 */
export class RowEditor {
  readonly #options: RowEditorOptions
  readonly #hash: SipHash
  readonly #run: EditedRun
  /** Chunks as they were; the first comes behind a border. */
  #pending: TreeEntry[] = []
  /** True when what follows belongs to the same run as what came last. */
  #isOpen = false
  /** Bytes since the last border of the earlier version. */
  #runBefore = 0
  #piece: Piece | undefined
  /** Chunks that were gone through; rows of them are in the run. */
  #used: Uint8Array[] = []

  constructor (options: RowEditorOptions) {
    this.#options = options
    this.#hash = new SipHash(options.seed)
    this.#run = new EditedRun(options)
  }

  async * apply (edits: AsyncIterable<FetchedEdit>): AsyncGenerator<EditedChunk> {
    for await (const edit of edits) {
      if (isUntouched(edit)) yield * this.#pass(edit)
      else {
        if (edit.isFirst) yield * this.#begin(edit)
        yield * this.#edit(edit)
        if (edit.isLast) yield * this.#end()
      }
    }
    yield * this.#run.take()
    yield * this.#flush()
    this.#spend()
  }

  /** A chunk that stays as it is. It is read only if it may be in one run with one that does not. */
  async * #pass ({ entry, bytes }: FetchedEdit): AsyncGenerator<EditedChunk> {
    if (this.#isOpen) {
      yield * this.#addWhole(entry, bytes ?? await this.#options.fetch(entry))
      return
    }
    this.#pending.push(entry)
    if (this.#pending.length < MOST_PENDING) return
    const rows = await this.#options.fetch(entry)
    if (this.#endsRun(rows)) yield * this.#flush()
    this.#options.spent(rows)
  }

  async * #begin ({ entry, bytes }: FetchedEdit): AsyncGenerator<EditedChunk> {
    if (!this.#isOpen) yield * this.#rewind()
    this.#open(entry, bytes ?? await this.#options.fetch(entry))
  }

  /** Goes back to the border before the present chunk. */
  async * #rewind (): AsyncGenerator<EditedChunk> {
    const sameRun: [TreeEntry, Uint8Array][] = []
    for (let entry = this.#pending.at(-1); entry !== undefined; entry = this.#pending.at(-1)) {
      const bytes = await this.#options.fetch(entry)
      if (this.#endsRun(bytes)) {
        this.#options.spent(bytes)
        break
      }
      sameRun.push([entry, bytes])
      this.#pending.pop()
    }
    yield * this.#flush()
    for (const [entry, bytes] of sameRun.reverse()) yield * this.#addWhole(entry, bytes)
  }

  async * #addWhole (entry: TreeEntry, bytes: Uint8Array): AsyncGenerator<EditedChunk> {
    this.#open(entry, bytes)
    this.#run.append(bytes, 0, bytes.length)
    this.#piece!.at = bytes.length
    yield * this.#end()
  }

  #open (entry: TreeEntry, bytes: Uint8Array): void {
    this.#runBefore += bytes.length
    // Values out of line weigh less than they are long, and a run may have been cut for being too long.
    this.#run.begin({ isLoose: entry.refs !== undefined || this.#runBefore >= LONGEST_RUN / 2 })
    this.#piece = new Piece(entry, bytes)
  }

  async * #edit ({ entry, rows, keys, kept, limit, isFirst, isLast }: FetchedEdit): AsyncGenerator<EditedChunk> {
    const piece = this.#piece!
    const { bytes } = piece
    const to = isLast || limit === undefined ? bytes.length : findRow({ bytes, from: piece.at, to: bytes.length }, limit, this.#options)
    const places = this.#placesOf(keys, piece, to)
    const replaced = places.reduce((sum, { isNew }) => isNew ? sum : sum + 1, 0)
    piece.isTouched ||= keys.length > 0
    const isComplete = isFirst && isLast && entry.count === replaced + (kept?.ends.length ?? NaN)
    const keeper = kept === undefined || isComplete ? undefined : new Keeper(kept)
    for (const [index, { at, isNew, next }] of places.entries()) {
      this.#keep(piece, at, keeper)
      if (at === bytes.length) yield * this.#endOld(piece)
      if (rows.values.length > 0) this.#run.loosen()
      const [start, end] = [index === 0 ? 0 : rows.ends[index - 1]!, rows.ends[index]!]
      if (isNew) yield * this.#addNew(piece, keys[index]!, rows, start, end)
      else this.#run.append(rows.bytes, start, end)
      piece.at = next
    }
    this.#keep(piece, to, keeper)
    keeper?.finish()
  }

  /** Where the rows with the keys go, before the offset `to`. */
  #placesOf (keys: readonly KeySpan[], { at: from, bytes }: Piece, to: number): Place[] {
    return keys.map(key => {
      const at = findRow({ bytes, from, to }, key, this.#options)
      const end = at < to ? rowEnd(bytes, at) : at
      const old = at < to ? { bytes, start: at, end: keyEnd(bytes, at, end, this.#options.keyColumns) } : undefined
      const isNew = old === undefined || this.#options.compare(old, key) !== 0
      if (!isNew && !isSameKey(old, key)) throw unfit('is written in two ways', key)
      from = isNew ? at : end
      return { at, isNew, next: from }
    })
  }

  /** Adds the chunk's rows up to an offset, as far as they are kept. */
  #keep (piece: Piece, to: number, keeper: Keeper | undefined): void {
    const { bytes } = piece
    if (keeper === undefined) this.#run.append(bytes, piece.at, to)
    else {
      let from = piece.at
      for (let at = from; at < to;) {
        const end = rowEnd(bytes, at)
        if (!keeper.keeps(bytes, at)) {
          this.#run.append(bytes, from, at)
          from = end
          piece.deleted++
          piece.isTouched = true
          piece.lostEnd = end === bytes.length
        }
        at = end
      }
      this.#run.append(bytes, from, to)
    }
    piece.at = to
  }

  async * #addNew (piece: Piece, key: KeySpan, rows: RowGroup, start: number, end: number): AsyncGenerator<EditedChunk> {
    const isOld = this.#run.unmarkedBytes > 0
    piece.isParted = true
    this.#run.append(rows.bytes, start, end)
    const hash = this.#hash.of(key.bytes, key.start, key.end)
    this.#run.mark(hash, { entry: piece.entry, bytes: piece.bytes, isOld })
    if (hash.below(this.#options.bits)) yield * this.#run.take()
  }

  /** All rows of the chunk were gone through; others may follow before the next chunk begins. */
  async * #endOld (piece: Piece): AsyncGenerator<EditedChunk> {
    if (piece.endedAtBorder !== undefined) return
    piece.endedAtBorder = this.#endsRun(piece.bytes)
    if (piece.endedAtBorder) this.#runBefore = 0
    if (piece.lostEnd) this.#run.loosen() // a cut that goes away tells no more of the hashes around it
    if (this.#run.unmarkedBytes > 0) this.#run.mark(this.#hash, piece.origin)
    if (piece.endedAtBorder && !piece.lostEnd) yield * this.#run.take()
  }

  async * #end (): AsyncGenerator<EditedChunk> {
    const piece = this.#piece!
    yield * this.#endOld(piece)
    this.#isOpen = !this.#run.isEmpty || piece.endedAtBorder !== true
    this.#piece = undefined
    this.#used.push(piece.bytes)
    if (this.#run.isEmpty) this.#spend()
  }

  #spend (): void {
    for (const bytes of this.#used) this.#options.spent(bytes)
    this.#used = []
  }

  /** Leaves the hash of the last row's key behind. */
  #endsRun (bytes: Uint8Array): boolean {
    const start = lastRow(bytes)
    return this.#hash.of(bytes, start, keyEnd(bytes, start, bytes.length, this.#options.keyColumns)).below(this.#options.bits)
  }

  * #flush (): Generator<EditedChunk> {
    for (const entry of this.#pending) yield { entry }
    this.#pending = []
  }
}

/** Where a row goes. */
interface Place {
  /** Before which row of the chunk, or in place of it. */
  readonly at: number
  readonly isNew: boolean
  /** Where the chunk goes on behind it. */
  readonly next: number
}

/** Tells the rows that are kept from others, one after the other. */
class Keeper {
  readonly #kept: RowGroup
  #index = 0
  #start = 0

  constructor (kept: RowGroup) {
    this.#kept = kept
  }

  /** True if the row at the offset has the next of the kept keys. */
  keeps (rows: Uint8Array, at: number): boolean {
    const { bytes, ends } = this.#kept
    if (this.#index === ends.length) return false
    const end = ends[this.#index]! - 1
    for (let key = this.#start; key < end; key++) if (bytes[key] !== rows[at++]) return false
    if (rows[at] !== TAB && rows[at] !== NEWLINE) return false
    this.#start = end + 1
    this.#index++
    return true
  }

  /** @throws {BackupError} `NODE_INVALID` when a key has no row */
  finish (): void {
    const { bytes, ends } = this.#kept
    if (this.#index < ends.length) throw unfit('has no row', { ...spanOf(bytes), start: this.#start, end: ends[this.#index]! - 1 })
  }
}
