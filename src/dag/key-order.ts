import { escapeValue, readValue, TAB } from '../chunking/copy-text.ts'
import type { CompareKeys, KeySpan } from '../chunking/row-chunker.ts'
import type { KeyColumn } from '../sources/source.ts'
import { columnOrder } from './column-order.ts'

/** Compares keys column by column; columns after those of `key` do not count. */
export function keyOrder (key: readonly KeyColumn[]): CompareKeys {
  const orders = key.map(columnOrder)
  const [only] = orders
  if (only !== undefined && orders.length === 1) return (a, b) => only(a.bytes, a.start, valueEnd(a, a.start), b.bytes, b.start, valueEnd(b, b.start))
  return (a, b) => {
    let aStart = a.start, bStart = b.start
    for (const compare of orders) {
      const aEnd = valueEnd(a, aStart), bEnd = valueEnd(b, bStart)
      const order = compare(a.bytes, aStart, aEnd, b.bytes, bStart, bEnd)
      if (order !== 0) return order
      aStart = aEnd + 1
      bStart = bEnd + 1
    }
    return 0
  }
}

function valueEnd ({ bytes, end }: KeySpan, start: number): number {
  let at = start
  while (at < end && bytes[at] !== TAB) at++
  return at
}

/**
 * The key by which keys of both versions of a table compare: enums may have got labels in between. Undefined when there is none.
 */
export function commonKey (a: readonly KeyColumn[], b: readonly KeyColumn[]): readonly KeyColumn[] | undefined {
  if (a.length !== b.length) return undefined
  const columns = a.map((column, i) => commonColumn(column, b[i]!))
  return columns.every(column => column !== undefined) ? columns : undefined
}

function commonColumn (a: KeyColumn, b: KeyColumn): KeyColumn | undefined {
  if (a.order !== b.order) return undefined
  const [fewer, more] = (a.labels?.length ?? 0) <= (b.labels?.length ?? 0) ? [a, b] : [b, a]
  const labels = fewer.labels ?? []
  const kept = (more.labels ?? []).filter(label => labels.includes(label))
  return kept.join('\0') === labels.join('\0') ? more : undefined
}

/** All of `bytes` as a key. */
export function spanOf (bytes: Uint8Array): KeySpan {
  return { bytes, start: 0, end: bytes.length }
}

/** A key as it stands in a row. */
export function encodeKey (values: readonly string[]): Uint8Array {
  return Buffer.from(values.map(escapeValue).join('\t'))
}

/** The values of a key. */
export function decodeKey (key: Uint8Array): string[] {
  return Buffer.from(key).toString('latin1').split('\t').map(text => readValue(Buffer.from(text, 'latin1')) ?? '')
}
