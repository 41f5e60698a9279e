import type { RowCut } from '../chunking/row-chunker.ts'
import type { KeyColumn } from '../sources/source.ts'
import type { CID } from './block.ts'

/** A byte stream in the repository. */
export interface StoredBytes {
  readonly form: 'bytes'
  /** A `bytes` tree, or the only chunk. */
  readonly root: CID
  readonly size: number
  readonly count: 0
}

/** Rows in the repository; a folder tree is rows too, one an entry. */
export interface StoredRows {
  readonly form: 'rows' | 'files'
  /** A `rows` tree. */
  readonly root: CID
  /** Bytes of the rows' COPY text, values out of line put in. */
  readonly size: number
  /** Rows or entries. */
  readonly count: number
  readonly columns: readonly string[]
  /** Empty for rows without a key. */
  readonly key: readonly KeyColumn[]
  /** Absent for rows without a key. */
  readonly cut?: RowCut
}

/** The `content` of a node. (format.md § Node) */
export type StoredContent = StoredBytes | StoredRows
