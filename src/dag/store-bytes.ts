import { createHash } from 'node:crypto'
import { byteChunker } from '../chunking/byte-chunker.ts'
import { tarChunker } from '../chunking/tar-chunker.ts'
import type { Address } from '../cas/blob-store.ts'
import { mapInOrder } from '../cas/in-order.ts'
import { free } from '../cas/zstd.ts'
import type { Effort } from '../cas/zstd.ts'
import type { ByteContent } from '../sources/source.ts'
import type { Bytes } from '../stream.ts'
import type { CID } from './block.ts'
import { chunkCid } from './block.ts'
import { counted } from './counted.ts'
import { PreviousStream } from './previous-stream.ts'
import type { StoreContext } from './store-context.ts'
import { DEFAULT_CONCURRENCY } from './store-context.ts'
import type { StoredBytes } from './stored-content.ts'
import type { TreeEntry } from './tree.ts'
import { writeTree } from './tree-writer.ts'

export interface StoreBytesOptions {
  /** The root of an earlier version. */
  readonly previous?: CID | undefined
  /** For chunks without a base. @default 'less' */
  readonly effort?: Effort | undefined
}

/** Stores a stream as a `bytes` content. */
export async function storeBytes (
  source: Bytes, context: StoreContext, { cut = 'content', previous, effort }: StoreBytesOptions & { readonly cut?: ByteContent['cut'] } = {},
): Promise<StoredBytes> {
  const { blobs, chunker, signal, concurrency = DEFAULT_CONCURRENCY } = context
  const earlier = previous === undefined ? undefined : new PreviousStream(previous, blobs)
  const chunks = cut === 'tar' ? tarChunker(chunker)(source) : unlabelled(byteChunker(chunker)(source))
  const entries = mapInOrder(withBases(chunks, earlier), concurrency, async ({ bytes, label, offset, base }): Promise<TreeEntry> => {
    const { length } = bytes
    const { address, stored } = await blobs.put(bytes, { base, kind: 'chunk', effort, signal })
    free(bytes)
    if (stored === 'present') earlier?.align(address, offset)
    return { link: chunkCid(address), size: length, key: label === undefined ? undefined : Buffer.from(label) }
  })
  const { root, size } = await writeTree(entries, { form: 'bytes', blobs, signal })
  return { form: 'bytes', root, size, count: 0 }
}

/** As {@link storeBytes}, for what is most probably no longer than the shortest chunk: that spares the way through the chunker. What is longer after all is held no further. */
export async function storeChunk (source: Bytes, context: StoreContext, { previous, effort }: StoreBytesOptions = {}): Promise<StoredBytes> {
  const { chunker } = context
  const pieces: AsyncIterator<Uint8Array, unknown> = source[Symbol.asyncIterator]()
  const held: Uint8Array[] = []
  let length = 0, isWhole = false
  while (!isWhole && length <= chunker.min) {
    const { done, value } = await pieces.next()
    if (done === true) isWhole = true
    else {
      held.push(Buffer.from(value))
      length += value.length
    }
  }
  const bytes = held.length === 1 ? held[0]! : Buffer.concat(held, length)
  if (!isWhole || length === 0) return await storeBytes(followed(bytes, pieces), context, { previous, effort })
  return await storeWhole(bytes, context, { previous, effort })
}

/** As {@link storeChunk}, of all bytes, which are one or more. Their memory is given back. */
export async function storeWhole (bytes: Uint8Array, { blobs, signal }: StoreContext, { previous, effort }: StoreBytesOptions): Promise<StoredBytes> {
  const size = bytes.length
  const base = previous === undefined ? undefined : await new PreviousStream(previous, blobs).baseAt(0)
  const { address } = await blobs.put(bytes, { base, kind: 'chunk', effort, signal })
  free(bytes)
  return { form: 'bytes', root: chunkCid(address), size, count: 0 }
}

/** A stream whose first bytes were taken already. */
async function * followed (first: Uint8Array, pieces: AsyncIterator<Uint8Array, unknown>): AsyncGenerator<Uint8Array> {
  try {
    yield first
    for (;;) {
      const { done, value } = await pieces.next()
      if (done === true) return
      yield value
    }
  } finally {
    await pieces.return?.()
  }
}

interface ByteChunk {
  readonly bytes: Uint8Array
  readonly label?: string
  readonly memberBytes?: number
}

interface PlacedChunk extends ByteChunk {
  readonly offset: number
  readonly base: Address | undefined
}

async function * unlabelled (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ByteChunk> {
  for await (const bytes of chunks) yield { bytes }
}

/** Asks for the bases one after the other, since the earlier tree is read in order. */
async function * withBases (chunks: AsyncIterable<ByteChunk>, earlier: PreviousStream | undefined): AsyncGenerator<PlacedChunk> {
  let offset = 0
  for await (const chunk of chunks) {
    const { length } = chunk.bytes // it is given back when it is stored, which may be before the next one is asked for
    yield { ...chunk, offset, base: await earlier?.baseAt(offset, chunk) }
    offset += length
  }
}

/** A stream that is hashed and counted while it passes. */
export class Tap {
  readonly #hash = createHash('sha256')
  readonly #source: Bytes
  readonly #onBytes: ((bytes: number) => void) | undefined

  constructor (source: Bytes, onBytes?: (bytes: number) => void) {
    this.#source = source
    this.#onBytes = onBytes
  }

  async * bytes (): AsyncGenerator<Uint8Array> {
    for await (const piece of counted(this.#source, this.#onBytes)) {
      this.#hash.update(piece)
      yield piece
    }
  }

  /** SHA-256 of what passed, in hex. Once. */
  digest (): string {
    return this.#hash.digest('hex')
  }
}
