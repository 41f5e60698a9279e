import { asyncIterableReader, createDecoder } from '@ipld/car/decoder'
import { CarWriter } from '@ipld/car/writer'
import type { BlobReader } from '../cas/blob-store.ts'
import type { CID } from '../dag/block.ts'
import { readBlob } from '../dag/block.ts'
import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import type { BlockKind } from './dag-order.ts'
import { DagOrder } from './dag-order.ts'

export interface CarBlock {
  readonly cid: CID
  readonly kind: BlockKind
  readonly bytes: Uint8Array
}

export const DAG_PATH = 'dag.car'

/** No block is larger, so that a false length cannot fill the memory. (format.md § Limits) */
const BLOCK_LIMIT_BYTES = 16 * 1024 * 1024

/**
 * A snapshot's blocks as CARv1 with the snapshot as root.
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`
 */
export async function * writeDag (root: CID, blobs: Pick<BlobReader, 'get'>, options: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  const { writer, out } = CarWriter.create([root])
  const filled = putBlocks(writer, root, blobs, options).finally(() => { void writer.close() })
  filled.catch(() => undefined) // it is awaited below, after what was written before has been handed on
  yield * out
  await filled
}

async function putBlocks (writer: ReturnType<typeof CarWriter.create>['writer'], root: CID, blobs: Pick<BlobReader, 'get'>, options: AbortOptions): Promise<void> {
  const order = new DagOrder(root)
  for (let cid = order.next; cid !== undefined; cid = order.next) {
    options.signal?.throwIfAborted()
    const bytes = await readBlob(blobs, cid, options)
    order.open(bytes)
    await writer.put({ cid, bytes })
  }
}

/**
 * The blocks of a CAR that {@link writeDag} wrote, each verified: they are exactly the blocks of the snapshot `root`, in order.
 * @throws {BackupError} `ARCHIVE_CORRUPT`, `FORMAT_UNKNOWN`
 */
export async function * readDag (car: Bytes, root: CID, { signal }: AbortOptions = {}): AsyncGenerator<CarBlock> {
  const order = new DagOrder(root)
  const pieces = car[Symbol.asyncIterator]()
  try {
    const decoder = createDecoder(limited(asyncIterableReader({ [Symbol.asyncIterator]: () => pieces })))
    const { version, roots: [carRoot, ...others] } = await decoder.header()
    if (version !== 1 || others.length > 0 || carRoot?.equals(root) !== true) throw corrupt(`its root is not ${root}`)
    for await (const { cid, bytes } of decoder.blocks()) {
      if (order.next?.equals(cid) !== true) throw corrupt(`block ${cid} stands where ${order.next ?? 'the end'} must be`)
      yield { cid, kind: order.open(bytes), bytes }
    }
  } catch (error) {
    if (signal?.aborted === true || (isBackupError(error) && !DAMAGED.has(error.code))) throw error
    throw corrupt(error instanceof Error ? error.message : String(error), error)
  } finally {
    await pieces.return?.()
  }
  if (order.next !== undefined) throw corrupt(`block ${order.next} is missing`)
}

type CarReader = ReturnType<typeof asyncIterableReader>

function limited (reader: CarReader): CarReader {
  return {
    ...reader,
    get pos () {
      return reader.pos
    },
    async exactly (length, seek) {
      if (length > BLOCK_LIMIT_BYTES) throw corrupt(`a block says that it has ${length} bytes`)
      return await reader.exactly(length, seek)
    },
  }
}

const DAMAGED: ReadonlySet<string> = new Set(['BLOB_CORRUPT', 'BLOCK_INVALID', 'TREE_INVALID'])

function corrupt (what: string, cause?: unknown): BackupError {
  return new BackupError('ARCHIVE_CORRUPT', `${DAG_PATH} is damaged: ${what}`, { cause })
}
