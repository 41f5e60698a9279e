import { ByteBuffer } from '../chunking/byte-buffer.ts'
import { keyEnd } from '../chunking/copy-text.ts'
import type { RowChunk } from '../chunking/row-chunk.ts'
import { chunkRows, largestRun, LONGEST_RUN } from '../chunking/row-chunker.ts'
import type { RowChunkerOptions } from '../chunking/row-chunker.ts'
import type { KeyHash } from '../chunking/row-run.ts'
import { BackupError } from '../errors.ts'
import { countRows } from './row-search.ts'
import { rowBatches } from './stored-batches.ts'
import type { TreeEntry } from './tree.ts'

/** A chunk of the new version: one of the earlier version as it is, or new bytes and the chunk that stood there. */
export type EditedChunk =
  | { readonly entry: TreeEntry }
  | { readonly chunk: RowChunk, readonly base: Pick<Origin, 'entry' | 'bytes'> | undefined }

/** Rows that stay together unless the run is cut anew: only the last of them can be where a chunk ends. */
interface Atom {
  readonly end: number
  /** Hash of the last row's key. */
  readonly high: number
  readonly low: number
  readonly origin: Origin
}

/** Where the rows of an atom are from. */
export interface Origin {
  /** The earlier chunk whose place it is. */
  readonly entry: TreeEntry
  /** Its bytes. */
  readonly bytes: Uint8Array
  /** False if it is one new row. */
  readonly isOld: boolean
  /** True if it is that chunk as it was. */
  readonly isWhole?: boolean
  /** How many rows, if that is known. */
  readonly rows?: number | undefined
}

const FIRST_BYTES = 524_288
/** More is not held for a run without borders. */
const MOST_HELD = 32 * 1024 * 1024

/**
 * Rows between two borders of the key rule that are made out of earlier chunks. Where these were cut within a run, no row between the cuts had a
 * lesser hash: so the new cuts are among the old ones and the new rows, and only their hashes are needed. Where that does not hold (`loosen`) all
 * rows are hashed again.
 */
export class EditedRun {
  readonly #rule: RowChunkerOptions
  readonly #bytes = new ByteBuffer(FIRST_BYTES)
  #atoms: Atom[] = []
  #isLoose = false
  /** True while rows come that have to be hashed anyway. */
  #staysLoose = false

  constructor (rule: RowChunkerOptions) {
    this.#rule = rule
  }

  get isEmpty (): boolean {
    return this.#bytes.length === 0
  }

  /** Bytes behind the last mark. */
  get unmarkedBytes (): number {
    return this.#bytes.length - (this.#atoms.at(-1)?.end ?? 0)
  }

  /** Says that an earlier chunk's rows come next, and whether the cuts around it tell nothing of their hashes. */
  begin ({ isLoose }: { readonly isLoose: boolean }): void {
    this.#staysLoose = isLoose
    if (isLoose) this.loosen()
  }

  /** Adds rows; a row after which a chunk could end must be the last of them and be marked. @throws {BackupError} `NODE_INVALID` when the run becomes too long */
  append (bytes: Uint8Array, start: number, end: number): void {
    if (end === start) return
    this.#bytes.append(bytes, start, end)
    if (this.#bytes.length >= LONGEST_RUN / 2) this.loosen()
    if (this.#bytes.length >= MOST_HELD) throw new BackupError('NODE_INVALID', 'rows are not held until a border comes: there are too many bytes between two')
  }

  /** Takes note that a chunk could end here. */
  mark ({ high, low }: KeyHash, origin: Origin): void {
    this.#atoms.push({ end: this.#bytes.length, high, low, origin })
  }

  /** Has the run cut by the hashes of all its rows. */
  loosen (): void {
    this.#isLoose = true
  }

  /** The chunks of the run, which is empty afterwards. */
  async * take (): AsyncGenerator<EditedChunk> {
    if (!this.isEmpty) {
      const chunks = this.#isLoose ? undefined : this.#cutAtMarks()
      if (chunks === undefined) yield * this.#cutAnew()
      else yield * chunks
    }
    this.#bytes.clear()
    this.#atoms = []
    this.#isLoose = this.#staysLoose
  }

  /** As a run of rows is cut, though of atoms. (format.md § Rows) Undefined when it takes rows to cut it. */
  #cutAtMarks (): EditedChunk[] | undefined {
    const largest = largestRun(this.#rule)
    const parts: [number, number][] = [[0, this.#atoms.length]]
    const chunks: EditedChunk[] = []
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      const [from, to] = part
      if (this.#atoms[to - 1]!.end - this.#startOf(from) <= largest) chunks.push(this.#chunk(from, to))
      else if (this.#knowsHashes(from, to)) {
        const split = this.#leastHash(from, to - 1) + 1
        if (split === to) chunks.push(this.#chunk(from, to)) // one row
        else parts.push([split, to], [from, split])
      } else return undefined
    }
    return chunks
  }

  /** True if no row but the last ones of atoms can have the least hash: there was a cut between them, or they are single rows. */
  #knowsHashes (from: number, to: number): boolean {
    const pieces = new Set(this.#atoms.slice(from, to).flatMap(({ origin: { entry, isOld } }) => isOld ? entry : []))
    return pieces.size !== 1
  }

  #leastHash (from: number, to: number): number {
    let least = from
    for (let at = from + 1; at < to; at++) {
      const atom = this.#atoms[at]!, best = this.#atoms[least]!
      if (atom.high < best.high || (atom.high === best.high && atom.low < best.low)) least = at
    }
    return least
  }

  #chunk (from: number, to: number): EditedChunk {
    const { origin } = this.#atoms[from]!
    if (to - from === 1 && origin.isWhole === true) return { entry: origin.entry }
    const bytes = new Uint8Array(this.#bytes.bytes.subarray(this.#startOf(from), this.#atoms[to - 1]!.end))
    const key = bytes.slice(0, keyEnd(bytes, 0, bytes.length, this.#rule.keyColumns))
    const known = this.#atoms.slice(from, to).reduce<number | undefined>((sum, { origin: { rows } }) => sum === undefined || rows === undefined ? undefined : sum + rows, 0)
    return { chunk: { bytes, rows: known ?? countRows({ bytes, from: 0, to: bytes.length }), sizeBytes: bytes.length, key, values: [] }, base: origin }
  }

  #startOf (atom: number): number {
    return atom === 0 ? 0 : this.#atoms[atom - 1]!.end
  }

  async * #cutAnew (): AsyncGenerator<EditedChunk> {
    let at = 0, atom = 0
    for await (const chunk of chunkRows(rowBatches(this.#bytes.bytes), this.#rule)) {
      while (atom < this.#atoms.length - 1 && this.#atoms[atom]!.end <= at) atom++
      yield { chunk, base: this.#atoms[atom]?.origin }
      at += chunk.bytes.length
    }
  }
}
