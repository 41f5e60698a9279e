import type { CopiedSpan } from '../cas/blob-store.ts'
import { ChunkMemory } from '../chunking/chunk-memory.ts'
import { keyEnd } from '../chunking/copy-text.ts'
import type { RowChunk } from '../chunking/row-chunk.ts'
import { chunkRows, largestRun, LONGEST_RUN } from '../chunking/row-chunker.ts'
import type { RowChunkerOptions } from '../chunking/row-chunker.ts'
import type { KeyHash } from '../chunking/row-run.ts'
import { BackupError } from '../errors.ts'
import { countRows } from './row-search.ts'
import { rowBatches } from './stored-batches.ts'
import { RunSources } from './run-sources.ts'
import type { TreeEntry } from './tree.ts'

/** A chunk of the new version: one of the earlier version as it is, or new bytes and the chunk that stood there. */
export type EditedChunk =
  | { readonly entry: TreeEntry }
  | { readonly chunk: RowChunk, readonly base: EditedBase | undefined }

/** The chunk that stood where a new one does. */
export interface EditedBase extends Pick<Origin, 'entry' | 'bytes'> {
  /** What the new one took over of it. */
  readonly copies: readonly CopiedSpan[]
}

/** Rows that stay together unless the run is cut anew: only the last of them can be where a chunk ends. */
interface Atom {
  readonly end: number
  /** Hash of the last row's key. */
  readonly high: number
  readonly low: number
  readonly origin: Origin
}

/** Atoms that become a chunk. */
type Part = readonly [from: number, to: number]

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

/** More is not held for a run without borders. */
const MOST_HELD = 32 * 1024 * 1024

/**
 * Rows between two borders of the key rule that are made out of earlier chunks. Where these were cut within a run, no row between the cuts had a
 * lesser hash: so the new cuts are among the old ones and the new rows, and only their hashes are needed. Where that does not hold (`loosen`) all
 * rows are hashed again.
 */
export class EditedRun {
  readonly #rule: RowChunkerOptions
  readonly #memory = new ChunkMemory()
  #sources = new RunSources()
  #length = 0
  #atoms: Atom[] = []
  #isLoose = false
  /** True while rows come that have to be hashed anyway. */
  #staysLoose = false

  constructor (rule: RowChunkerOptions) {
    this.#rule = rule
  }

  get isEmpty (): boolean {
    return this.#length === 0
  }

  /** Bytes behind the last mark. */
  get unmarkedBytes (): number {
    return this.#length - (this.#atoms.at(-1)?.end ?? 0)
  }

  /** Says that an earlier chunk's rows come next, and whether the cuts around it tell nothing of their hashes. */
  begin ({ isLoose }: { readonly isLoose: boolean }): void {
    this.#staysLoose = isLoose
    if (isLoose) this.loosen()
  }

  /** Adds rows; a row after which a chunk could end must be the last of them and be marked. @throws {BackupError} `NODE_INVALID` when the run becomes too long */
  append (bytes: Uint8Array, start: number, end: number): void {
    if (end === start) return
    this.#memory.append(bytes, start, end)
    this.#sources.append(bytes, start, end)
    this.#length += end - start
    if (this.#length >= LONGEST_RUN / 2) this.loosen()
    if (this.#length >= MOST_HELD) throw new BackupError('NODE_INVALID', 'rows are not held until a border comes: there are too many bytes between two')
  }

  /** Takes note that a chunk could end here. */
  mark ({ high, low }: KeyHash, origin: Origin): void {
    this.#atoms.push({ end: this.#length, high, low, origin })
  }

  /** Has the run cut by the hashes of all its rows. */
  loosen (): void {
    this.#isLoose = true
  }

  /** The chunks of the run, which is empty afterwards. */
  async * take (): AsyncGenerator<EditedChunk> {
    if (this.isEmpty) return
    const atoms = this.#atoms
    const sources = this.#sources
    const parts = this.#isLoose ? undefined : this.#cutAtMarks()
    this.#length = 0
    this.#atoms = []
    this.#sources = new RunSources()
    this.#isLoose = this.#staysLoose
    if (parts === undefined) yield * this.#cutAnew(atoms, sources)
    else yield * this.#chunks(atoms, sources, parts)
  }

  /** As a run of rows is cut, though of atoms. (format.md § Rows) Undefined when it takes rows to cut it. */
  #cutAtMarks (): Part[] | undefined {
    const largest = largestRun(this.#rule)
    const parts: Part[] = []
    const open: Part[] = [[0, this.#atoms.length]]
    for (let part = open.pop(); part !== undefined; part = open.pop()) {
      const [from, to] = part
      if (this.#atoms[to - 1]!.end - startOf(this.#atoms, from) <= largest) parts.push(part)
      else if (this.#knowsHashes(from, to)) {
        const split = this.#leastHash(from, to - 1) + 1
        if (split === to) parts.push(part) // one row
        else open.push([split, to], [from, split])
      } else return undefined
    }
    return parts
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

  * #chunks (atoms: readonly Atom[], sources: RunSources, parts: readonly Part[]): Generator<EditedChunk> {
    const { bytes, release } = this.#memory.take(parts.length)
    for (const [from, to] of parts) {
      const { origin } = atoms[from]!
      const [start, end] = [startOf(atoms, from), atoms[to - 1]!.end]
      const rows = bytes.subarray(start, end)
      if (to - from === 1 && origin.isWhole === true) {
        release()
        yield { entry: origin.entry }
      } else yield { chunk: { bytes: rows, ...this.#describe(rows, atoms.slice(from, to)), release }, base: { ...origin, copies: sources.copiesOf(origin.bytes, start, end) } }
    }
  }

  #describe (bytes: Uint8Array, atoms: readonly Atom[]): Omit<RowChunk, 'bytes'> {
    const rows = atoms.reduce<number | undefined>((sum, { origin: { rows } }) => sum === undefined || rows === undefined ? undefined : sum + rows, 0)
    const key = new Uint8Array(bytes.subarray(0, keyEnd(bytes, 0, bytes.length, this.#rule.keyColumns))) // the memory is used again
    return { rows: rows ?? countRows({ bytes, from: 0, to: bytes.length }), sizeBytes: bytes.length, key, values: [] }
  }

  async * #cutAnew (atoms: readonly Atom[], sources: RunSources): AsyncGenerator<EditedChunk> {
    const { bytes, release } = this.#memory.take(1)
    let at = 0, atom = 0
    for await (const chunk of chunkRows(rowBatches(bytes), this.#rule)) {
      while (atom < atoms.length - 1 && atoms[atom]!.end <= at) atom++
      const origin = atoms[atom]?.origin
      const end = at + chunk.bytes.length
      yield { chunk, base: origin && { ...origin, copies: sources.copiesOf(origin.bytes, at, end) } }
      at = end
    }
    release()
  }
}

function startOf (atoms: readonly Atom[], index: number): number {
  return index === 0 ? 0 : atoms[index - 1]!.end
}
