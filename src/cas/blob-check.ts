import type { AbortOptions } from '../stream.ts'
import { isUnreadable } from './blob-fetcher.ts'
import type { BlobFetcher, FindCopies } from './blob-fetcher.ts'
import type { Address } from './blob-store.ts'
import type { Codec } from './codec.ts'
import type { Copy } from './copy.ts'
import { mapInOrder } from './in-order.ts'
import { BLOB_LIMIT_BYTES } from './pack-format.ts'

/** Stored bytes that are handed to a thread at once, if they are of several blobs. */
const BATCH_BYTES = 256 * 1024
/** Enough for two threads. */
const BATCHES_AT_ONCE = 6

export interface BlobCheckParts {
  readonly fetcher: Pick<BlobFetcher, 'lend'>
  readonly codec: Pick<Codec, 'addressesOf'>
  readonly find: FindCopies
}

interface CheckedBlob {
  readonly address: Address
  readonly copy: Copy
  /** Its number among those asked for. */
  readonly place: number
}

/**
 * The length of each blob whose first copy is intact and no delta; undefined for all others. They are read in the order of their packs and go to threads together,
 * from where only hashes come back.
 * @throws {BackupError} `STORAGE_…`
 */
export async function intactLengths (addresses: readonly Address[], parts: BlobCheckParts, options: AbortOptions = {}): Promise<(number | undefined)[]> {
  const lengths = new Array<number | undefined>(addresses.length).fill(undefined)
  const batches = mapInOrder(batchesOf(checkable(addresses, parts.find)), BATCHES_AT_ONCE, async batch => await intactIn(batch, parts, options))
  for await (const intact of batches) {
    for (const { place, copy } of intact) lengths[place] = copy.plain
  }
  return lengths
}

function checkable (addresses: readonly Address[], find: FindCopies): CheckedBlob[] {
  return addresses.flatMap((address, place) => {
    const [copy] = find(address)
    return copy === undefined || copy.base !== undefined || copy.plain > BLOB_LIMIT_BYTES ? [] : [{ address, copy, place }]
  }).sort(({ copy: one }, { copy: other }) => one.pack === other.pack ? one.offset - other.offset : one.pack < other.pack ? -1 : 1)
}

function * batchesOf (blobs: readonly CheckedBlob[]): Generator<CheckedBlob[]> {
  let batch: CheckedBlob[] = []
  let length = 0
  for (const blob of blobs) {
    if (batch.length > 0 && length + blob.copy.stored > BATCH_BYTES) {
      yield batch
      batch = []
      length = 0
    }
    batch.push(blob)
    length += blob.copy.stored
  }
  if (batch.length > 0) yield batch
}

async function intactIn (batch: readonly CheckedBlob[], { fetcher, codec }: BlobCheckParts, options: AbortOptions): Promise<CheckedBlob[]> {
  const lent = await Promise.allSettled(batch.map(async ({ address, copy }) => await fetcher.lend(address, copy, options)))
  try {
    const whole = batch.flatMap((blob, index) => {
      const one = lent[index]!
      if (one.status === 'fulfilled') return [{ blob, stored: one.value.bytes }]
      if (!isUnreadable(one.reason)) throw one.reason
      return []
    })
    const found = await codec.addressesOf(whole.map(({ stored }) => stored), whole.map(({ blob: { copy: { encoding, plain } } }) => ({ encoding, plain })))
    return whole.filter(({ blob }, index) => found[index] === blob.address).map(({ blob }) => blob)
  } finally {
    for (const one of lent) if (one.status === 'fulfilled') one.value.giveBack()
  }
}
