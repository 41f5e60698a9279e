import { parentPort, workerData } from 'node:worker_threads'
import type { Encoding } from './blob-list.ts'
import type { CodecAnswer, CodecRequest, CodecThreadData } from './codec-message.ts'
import { deflateSync } from './deflate.ts'
import { addressesOf, decodeBytes, encodeBytes } from './codec-task.ts'
import { copyShared } from './shared-bytes.ts'
import { free } from './zstd.ts'
import type { Effort } from './zstd.ts'

/* A thread that compresses and decompresses what the main thread puts into its slots. */
const slots = (workerData as CodecThreadData).slots.map(memory => Buffer.from(memory))

function answer (request: CodecRequest): CodecAnswer {
  const { slot } = request
  const memory = request.memory === undefined ? slots[slot]! : Buffer.from(request.memory)
  const parts = partsOf(memory, request)
  const given = parts[0]!
  try {
    if (request.task === 'encode') {
      const { encoding, stored } = encodeBytes(given, parts[1], request.effort)
      return { type: 'encoded', slot, length: moved(stored, given, memory), encoding }
    }
    if (request.task === 'encode-all') return { type: 'all-encoded', slot, ...encodeAll(parts, request.efforts, memory) }
    if (request.task === 'deflate') return { type: 'deflated', slot, length: moved(deflateSync(given, parts[1]!, request), given, memory) }
    if (request.task === 'check') return { type: 'checked', slot, addresses: addressesOf(parts, request.forms) }
    const { bytes, address } = decodeBytes(parts, request.forms)
    return { type: 'decoded', slot, length: moved(bytes, given, memory), address }
  } catch (error) {
    return { type: 'failed', slot, error }
  }
}

function partsOf (memory: Uint8Array, { lengths }: CodecRequest): Uint8Array[] {
  let at = 0
  return lengths.map(length => memory.subarray(at, at += length))
}

/** What comes of the parts stands one behind the other then. It is no longer than they are, so it never reaches those that are still to be encoded. */
function encodeAll (parts: readonly Uint8Array[], efforts: readonly Effort[], memory: Buffer): { readonly lengths: readonly number[], readonly encodings: readonly Encoding[] } {
  let at = 0
  const encoded = parts.map((given, index) => {
    const { encoding, stored } = encodeBytes(given, undefined, efforts[index]!)
    const length = moved(stored, given, memory, at)
    at += length
    return { encoding, length }
  })
  return { lengths: encoded.map(({ length }) => length), encodings: encoded.map(({ encoding }) => encoding) }
}

/** Brings what was made of `given`, a part of the slot, to the offset `at` of the slot. @returns its length */
function moved (made: Uint8Array, given: Uint8Array, memory: Buffer, at = 0): number {
  const { length } = made
  if (made !== given) {
    copyShared(made, memory, at)
    free(made)
  } else if (at !== given.byteOffset) memory.copyWithin(at, given.byteOffset, given.byteOffset + length)
  return length
}

parentPort!.on('message', (request: CodecRequest) => { parentPort!.postMessage(answer(request)) })
parentPort!.postMessage({ type: 'ready' } satisfies CodecAnswer)
