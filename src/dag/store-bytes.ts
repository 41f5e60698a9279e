import { createHash } from 'node:crypto'
import { byteChunker } from '../chunking/byte-chunker.ts'
import { tarChunker } from '../chunking/tar-chunker.ts'
import type { Address } from '../cas/blob-store.ts'
import type { ByteContent } from '../sources/source.ts'
import type { Bytes } from '../stream.ts'
import type { CID } from './block.ts'
import { chunkCid } from './block.ts'
import { counted } from './counted.ts'
import { mapInOrder } from './in-order.ts'
import { PreviousBytes } from './previous-content.ts'
import { PreviousLabels } from './previous-labels.ts'
import type { StoreContext } from './store-context.ts'
import { DEFAULT_CONCURRENCY } from './store-context.ts'
import type { StoredBytes } from './stored-content.ts'
import type { TreeEntry } from './tree.ts'
import { writeTree } from './tree-writer.ts'

interface ByteChunk {
  readonly bytes: Uint8Array
  readonly label?: string
  readonly base?: Address | undefined
}

/** Stores a stream as a `bytes` content. `previous` is the root of an earlier version. */
export async function storeBytes (
  source: Bytes, context: StoreContext, { cut = 'content', previous }: { readonly cut?: ByteContent['cut'], readonly previous?: CID | undefined } = {},
): Promise<StoredBytes> {
  const { blobs, chunker, signal, concurrency = DEFAULT_CONCURRENCY } = context
  const chunks = cut === 'tar' ? tarChunks(source, context, previous) : plainChunks(byteChunker(chunker)(source), context, previous)
  const entries = mapInOrder(chunks, concurrency, async ({ bytes, label, base }): Promise<TreeEntry> => {
    const { address } = await blobs.put(bytes, { base, signal })
    return { link: chunkCid(address), size: bytes.length, key: label === undefined ? undefined : Buffer.from(label) }
  })
  const { root, size } = await writeTree(entries, { form: 'bytes', blobs, signal })
  return { form: 'bytes', root, size, count: 0 }
}

async function * plainChunks (chunks: AsyncIterable<Uint8Array>, { blobs }: StoreContext, previous: CID | undefined): AsyncGenerator<ByteChunk> {
  const earlier = previous === undefined ? undefined : new PreviousBytes(previous, blobs)
  let offset = 0
  for await (const bytes of chunks) {
    yield { bytes, base: await earlier?.baseAt(offset) }
    offset += bytes.length
  }
}

async function * tarChunks (source: Bytes, { blobs, chunker }: StoreContext, previous: CID | undefined): AsyncGenerator<ByteChunk> {
  const earlier = previous === undefined ? undefined : { labels: new PreviousLabels(previous, blobs), bytes: new PreviousBytes(previous, blobs) }
  let offset = 0
  for await (const { bytes, label } of tarChunker(chunker)(source)) {
    yield { bytes, label, base: await earlier?.labels.baseFor(label) ?? await earlier?.bytes.baseAt(offset) }
    offset += bytes.length
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
