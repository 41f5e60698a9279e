import { ByteBuffer } from './byte-buffer.ts'
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
  const sample = new Sample()
  let weight = 0, rows = 0
  while (weight < SAMPLE) {
    const { done, value } = await source.next()
    if (done === true) break
    sample.add(value)
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

/** Batches in one piece of memory: those of a folder tree have one row each. */
class Sample {
  #bytes = new ByteBuffer(SAMPLE)
  #batches: (Omit<RowBatch, 'bytes'> & { readonly start: number, readonly end: number })[] = []

  add ({ bytes, ends, values }: RowBatch): void {
    const start = this.#bytes.length
    this.#bytes.append(bytes)
    this.#batches.push({ ends, values, start, end: this.#bytes.length })
  }

  * batches (): Generator<RowBatch> {
    for (const { ends, values, start, end } of this.#batches) yield { bytes: this.#bytes.bytes.subarray(start, end), ends, values }
  }

  clear (): void {
    this.#bytes = new ByteBuffer(0)
    this.#batches = []
  }
}

async function * replay (sample: Sample, rest: AsyncIterator<RowBatch, unknown>): AsyncGenerator<RowBatch> {
  try {
    yield * sample.batches()
    sample.clear()
    for (;;) {
      const { done, value } = await rest.next()
      if (done === true) return
      yield value
    }
  } finally {
    await rest.return?.()
  }
}
