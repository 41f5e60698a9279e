import { parentPort, workerData } from 'node:worker_threads'
import type { CodecAnswer, CodecRequest, CodecThreadData } from './codec-message.ts'
import { decodeBytes, encodeBytes } from './codec-task.ts'
import { free } from './zstd.ts'

/* A thread that compresses and decompresses what the main thread puts into its slots. */
const slots = (workerData as CodecThreadData).slots.map(memory => new Uint8Array(memory))

function answer (request: CodecRequest): CodecAnswer {
  const { slot, length, baseLength } = request
  const memory = request.memory === undefined ? slots[slot]! : new Uint8Array(request.memory)
  const bytes = memory.subarray(0, length)
  const base = baseLength === undefined ? undefined : memory.subarray(length, length + baseLength)
  try {
    if (request.task === 'encode') {
      const { encoding, stored } = encodeBytes(bytes, base)
      return { type: 'encoded', slot, length: moved(stored, bytes, memory), encoding }
    }
    const decoded = decodeBytes(bytes, request, base)
    return { type: 'decoded', slot, length: moved(decoded.bytes, bytes, memory), address: decoded.address }
  } catch (error) {
    return { type: 'failed', slot, error }
  }
}

/** Brings what was made into the slot. @returns its length */
function moved (made: Uint8Array, given: Uint8Array, memory: Uint8Array): number {
  const { length } = made
  if (made === given) return length
  memory.set(made)
  free(made)
  return length
}

parentPort!.on('message', (request: CodecRequest) => { parentPort!.postMessage(answer(request)) })
parentPort!.postMessage({ type: 'ready' } satisfies CodecAnswer)
