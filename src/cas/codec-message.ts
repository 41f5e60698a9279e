import type { Encoding } from './blob-list.ts'
import type { Address } from './blob-store.ts'
import type { StoredForm } from './codec-task.ts'
import type { Effort } from './zstd.ts'

/** What a thread of the codec is started with. */
export interface CodecThreadData {
  /** Memory that both sides see, by number. */
  readonly slots: readonly SharedArrayBuffer[]
}

/** What is to be done with what stands in a slot. */
export type CodecTask =
  /** Of bytes and, if there is one, their base. */
  | { readonly task: 'encode', readonly effort: Effort }
  /** Of the bytes of several blobs, each without a base. */
  | { readonly task: 'encode-all', readonly efforts: readonly Effort[] }
  /** Of stored bytes, those of their base, and so on, each with its form; the last base may stand there plain, without one. */
  | { readonly task: 'decode', readonly forms: readonly StoredForm[] }
  /** Of stored bytes of several blobs without a base, each with its form. */
  | { readonly task: 'check', readonly forms: readonly StoredForm[] }
  /** Of a piece of a stream and what came before it: for archives. */
  | { readonly task: 'deflate', readonly level: number, readonly isLast: boolean }

export type CodecRequest = CodecTask & {
  readonly slot: number
  /** In place of the slot's own, which is too small. */
  readonly memory?: SharedArrayBuffer
  /** Of the parts that stand there, one behind the other. */
  readonly lengths: readonly number[]
}

/** What came of it. The bytes, if they are others than those given, stand at the beginning of the slot. */
export type CodecAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'encoded', readonly slot: number, readonly length: number, readonly encoding: Encoding }
  /** One behind the other. */
  | { readonly type: 'all-encoded', readonly slot: number, readonly lengths: readonly number[], readonly encodings: readonly Encoding[] }
  | { readonly type: 'decoded', readonly slot: number, readonly length: number, readonly address: Address }
  | { readonly type: 'deflated', readonly slot: number, readonly length: number }
  | { readonly type: 'checked', readonly slot: number, readonly addresses: readonly (Address | undefined)[] }
  | { readonly type: 'failed', readonly slot: number, readonly error: unknown }
