import type { Encoding } from './blob-list.ts'
import type { Address } from './blob-store.ts'

/** What a thread of the codec is started with. */
export interface CodecThreadData {
  /** Memory that both sides see, by number. */
  readonly slots: readonly SharedArrayBuffer[]
}

/** What is to be done with the bytes at the beginning of a slot; the base, if there is one, stands behind them. */
export type CodecRequest = {
  readonly slot: number
  /** In place of the slot's own, which is too small. */
  readonly memory?: SharedArrayBuffer
  readonly length: number
  readonly baseLength?: number
} & (
  | { readonly task: 'encode' }
  | { readonly task: 'decode', readonly encoding: Encoding, readonly plain: number }
)

/** What came of it. The bytes, if they are others than those given, stand at the beginning of the slot. */
export type CodecAnswer =
  | { readonly type: 'ready' }
  | { readonly type: 'encoded', readonly slot: number, readonly length: number, readonly encoding: Encoding }
  | { readonly type: 'decoded', readonly slot: number, readonly length: number, readonly address: Address }
  | { readonly type: 'failed', readonly slot: number, readonly error: unknown }
