import type { RowBatch } from './row-splitter.ts'
import { weigh } from './row-chunk.ts'

/** So many bytes at the beginning of a table are taken for all of it. */
const SAMPLE = 1_048_576

/** Rows whose average was taken, to be read once. */
export interface MeasuredRows {
  readonly averageRowBytes: number
  readonly batches: AsyncIterable<RowBatch>
}

/** Measures the rows that begin in the first 1 MiB (a value out of line counts as the cut rule counts it). Holds these until read. */
export async function measureRows (batches: AsyncIterable<RowBatch>): Promise<MeasuredRows> {
  const source: AsyncIterator<RowBatch, unknown> = batches[Symbol.asyncIterator]()
  const sample: RowBatch[] = []
  let weight = 0, rows = 0
  while (weight < SAMPLE) {
    const { done, value } = await source.next()
    if (done === true) break
    sample.push({ ...value, bytes: new Uint8Array(value.bytes) })
    const extra = weigh(value.values).weight
    let start = 0
    for (const end of value.ends) {
      if (weight >= SAMPLE) break // the same however the rows were batched
      weight += end - start + extra
      rows++
      start = end
    }
  }
  return { averageRowBytes: rows === 0 ? 0 : weight / rows, batches: replay(sample, source) }
}

async function * replay (sample: RowBatch[], rest: AsyncIterator<RowBatch, unknown>): AsyncGenerator<RowBatch> {
  try {
    for (let batch = sample.shift(); batch !== undefined; batch = sample.shift()) yield batch
    for (;;) {
      const { done, value } = await rest.next()
      if (done === true) return
      yield value
    }
  } finally {
    await rest.return?.()
  }
}
