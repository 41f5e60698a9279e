import { escapeValue, readValue, TAB } from '../chunking/copy-text.ts'
import type { CompareKeys, KeySpan } from '../chunking/row-chunker.ts'
import type { KeyColumn } from '../sources/source.ts'
import { columnOrder } from './column-order.ts'

/** Compares keys column by column; columns after those of `key` do not count. */
export function keyOrder (key: readonly KeyColumn[]): CompareKeys {
  const orders = key.map(columnOrder)
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
