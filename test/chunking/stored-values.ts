import { createHash } from 'node:crypto'
import type { StoreValue } from '../../src/chunking/long-row.ts'
import type { RowBatch } from '../../src/chunking/row-splitter.ts'
import type { ExpandOptions } from '../../src/chunking/value-reference.ts'
import { bytesOf } from '../../src/stream.ts'

/** Values out of line, kept in memory under the SHA-256 of their bytes. */
export class StoredValues {
  readonly values = new Map<string, Buffer>()
  readonly places: { readonly key: string, readonly column: number }[] = []

  readonly store: StoreValue = async (bytes, { key, column }) => {
    const value = Buffer.concat(await Array.fromAsync(bytes, piece => Buffer.from(piece)))
    const name = createHash('sha256').update(value).digest('hex')
    this.values.set(name, value)
    this.places.push({ key: Buffer.from(key).toString(), column })
    return name
  }

  readonly read: ExpandOptions['readValue'] = ({ text }) => bytesOf(this.values.get(text)!)
}

/** Batches with memory of their own, and one batch a row. */
export async function rowsOf (batches: AsyncIterable<RowBatch>): Promise<RowBatch[]> {
  const rows: RowBatch[] = []
  for await (const { bytes, ends, values } of batches) {
    ends.forEach((end, i) => {
      const row = Buffer.from(bytes.subarray(ends[i - 1] ?? 0, end))
      rows.push({ bytes: row, ends: [row.length], values })
    })
  }
  return rows
}
