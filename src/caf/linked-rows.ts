import { createHash } from 'node:crypto'
import { ByteBuffer } from '../chunking/byte-buffer.ts'
import { PieceReader } from '../chunking/piece-reader.ts'
import type { RowBatch } from '../chunking/row-splitter.ts'
import { splitRows } from '../chunking/row-splitter.ts'
import type { CID } from '../dag/block.ts'
import { addressOf } from '../dag/block.ts'
import type { StoredRows } from '../dag/content.ts'
import { MultisetHash } from '../dag/multiset-hash.ts'
import type { Links } from '../dag/links.ts'
import type { TreeEntry } from '../dag/tree.ts'
import { readEntries } from '../dag/tree-reader.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import type { LinkedBlobs } from './linked-bytes.ts'
import { CHUNK_LIMIT_BYTES, putChunk, putLinked } from './linked-bytes.ts'

const FIRST_CAPACITY = 131_072

export interface LinkedRowsOptions extends AbortOptions {
  /** The node's hash of the rows. */
  readonly hash: string
  /** Called with whole rows, values out of line being references, and the links of their chunk, before the chunk is put; false when they are not right. */
  readonly onRows?: (rows: Uint8Array, links: Links) => Promise<boolean>
}

/**
 * Cuts COPY text into the chunks that the tree of `content` links to, puts long values out of line again, and puts all of them. False as soon as
 * the rows turn out not to be those, or not to have the hash. Only what hashes to a link is put.
 * @throws {BackupError} `BLOB_MISSING`, `TREE_INVALID` when the tree cannot be read, `SOURCE_FAILED` when the text ends within a row
 */
export async function putLinkedRows (content: StoredRows, text: Bytes, blobs: LinkedBlobs, options: LinkedRowsOptions): Promise<boolean> {
  const { signal, hash } = options
  const hasKey = content.key.length > 0
  if (hasKey && addressOf(content.root) !== hash) return false
  await using multiset = new MultisetHash()
  const chunks = new LinkedChunks(content, blobs, options)
  const rows = splitRows(text, { keyColumns: content.key.length, signal, storeValue: async bytes => await chunks.storeValue(bytes) })
  try {
    await chunks.begin()
    for await (const batch of hasKey ? rows : multiset.passing(rows)) if (!await chunks.add(batch)) return false
    return chunks.complete && (hasKey || await multiset.digest() === hash)
  } catch (error) {
    if (error === MISMATCH) return false
    throw error
  } finally {
    await chunks.end()
  }
}

/** Thrown through the row splitter by a value that no link fits. */
const MISMATCH = new Error('a value is not what the tree links to')

/** The chunk that is being put together, and where it is in the tree. */
class LinkedChunks {
  readonly #entries: AsyncIterator<TreeEntry, undefined>
  readonly #blobs: LinkedBlobs
  readonly #options: LinkedRowsOptions
  readonly #bytes = new ByteBuffer(FIRST_CAPACITY)
  #entry: TreeEntry | undefined
  #rowsMissing = 0
  #values = new LinkedValues([])

  constructor ({ root }: StoredRows, blobs: LinkedBlobs, options: LinkedRowsOptions) {
    this.#entries = readEntries(root, blobs, { form: 'rows', signal: options.signal })[Symbol.asyncIterator]()
    this.#blobs = blobs
    this.#options = options
  }

  /** True if every chunk was put. */
  get complete (): boolean {
    return this.#entry === undefined
  }

  async begin (): Promise<void> {
    const { done, value } = await this.#entries.next()
    this.#entry = done === true ? undefined : value
    this.#rowsMissing = this.#entry?.count ?? 0
    this.#values = new LinkedValues([...this.#entry?.refs ?? []])
  }

  async add ({ bytes, ends }: RowBatch): Promise<boolean> {
    let start = 0
    for (let row = 0; row < ends.length;) {
      if (this.#entry === undefined || this.#rowsMissing === 0) return false
      const after = Math.min(row + this.#rowsMissing, ends.length)
      const end = ends[after - 1]!
      if (await this.#options.onRows?.(bytes.subarray(start, end), this.#entry.refs ?? []) === false) return false
      this.#bytes.append(bytes, start, end)
      if (this.#bytes.length > CHUNK_LIMIT_BYTES) return false
      this.#rowsMissing -= after - row
      if (this.#rowsMissing === 0 && !await this.#put(this.#entry.link)) return false
      start = end
      row = after
    }
    return true
  }

  async #put (link: CID): Promise<boolean> {
    if (!await putChunk(link, this.#bytes.take(), this.#blobs, this.#options)) return false
    await this.begin()
    return true
  }

  /** Stores a value of the row that comes next: all rows before it have been added. */
  async storeValue (bytes: Bytes): Promise<string> {
    return await this.#values.store(bytes, this.#blobs, this.#options)
  }

  async end (): Promise<void> {
    await this.#entries.return?.()
  }
}

/**
 * The values out of line of one chunk. Its entry lists their links in order but without repeats, so a value is either
 * the next of them or one that was there before.
 */
class LinkedValues {
  readonly #links: readonly CID[]
  readonly #known = new Map<string, CID>()
  #next = 0

  constructor (links: readonly CID[]) {
    this.#links = links
  }

  async store (bytes: Bytes, blobs: LinkedBlobs, options: AbortOptions): Promise<string> {
    const digest = createHash('sha256')
    const reader = new PieceReader(hashed(bytes, digest))
    const next = this.#links[this.#next]
    const isNext = next !== undefined && await putLinked(next, reader, blobs, options)
    for (let piece = await reader.peek(); piece !== undefined; piece = await reader.peek()) reader.skip(piece.length)
    const sha256 = digest.digest('hex')
    if (isNext) {
      this.#next++
      this.#known.set(sha256, next)
    }
    const link = this.#known.get(sha256)
    if (link === undefined) throw MISMATCH
    return link.toString()
  }
}

async function * hashed (bytes: Bytes, digest: ReturnType<typeof createHash>): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    digest.update(piece)
    yield piece
  }
}
