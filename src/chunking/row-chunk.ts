import type { ValueReference } from './row-splitter.ts'

/** A run of whole rows, in memory that nobody changes until it is released. */
export interface RowChunk {
  readonly bytes: Uint8Array
  readonly rows: number
  /** Bytes of the rows' COPY text with the values out of line put in. */
  readonly sizeBytes: number
  /** Key of the first row: its key columns as they stand, with the tabs between; undefined for rows without a key. */
  readonly key: Uint8Array | undefined
  /** Where the values out of line are, in order, without repeats. */
  readonly values: readonly string[]
  /** Lets the memory of `bytes` be used for another chunk. Need not be called; once at most. */
  readonly release?: () => void
}

/** What a value out of line counts in the cut rule. */
const REFERENCE_WEIGHT = 64

/** How many bytes a row weighs less than it has, and how many its values add; both for the cut rule and the sizes. */
export function weigh (values: readonly ValueReference[]): { readonly weight: number, readonly size: number } {
  let weight = 0, size = 0
  for (const { text, length } of values) {
    const stands = 3 + text.length + String(length).length
    weight += REFERENCE_WEIGHT - stands
    size += length - stands
  }
  return { weight, size }
}
