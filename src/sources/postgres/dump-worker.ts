import { parentPort, workerData } from 'node:worker_threads'
import { pgDump } from '@electric-sql/pglite-tools/pg_dump'
import { BridgeMemory } from './dump-bridge.ts'
import type { BridgeMessage, BridgeWorkerData } from './dump-bridge.ts'
import { FrontendFrames } from './protocol-frames.ts'

/*
 * Runs pg_dump, compiled to WebAssembly, in a thread of its own: it wants each answer of the server at once, so this
 * thread sleeps until the main thread has it.
 */
const { memory, args } = workerData as BridgeWorkerData
const answers = new BridgeMemory(memory)
const frames = new FrontendFrames()

const server = {
  query: async () => ({ rows: [{ search_path: '""' }] }),
  exec: async () => undefined,
  execProtocolRawStream (bytes: Uint8Array, { onRawData }: { onRawData: (answer: Uint8Array) => void }): void {
    const awaitsAnswer = frames.push(bytes)
    post({ type: 'send', bytes: Uint8Array.from(bytes), awaitsAnswer }) // a copy: pg_dump uses its memory again
    if (!awaitsAnswer) return
    for (let last = false; !last;) {
      const piece = answers.take()
      onRawData(piece.bytes)
      last = piece.last
      if (!last) post({ type: 'more' })
    }
  },
}

function post (message: BridgeMessage): void {
  parentPort?.postMessage(message)
}

process.argv[1] = 'pg_dump' // what it calls itself in messages
try {
  const file = await pgDump({ pg: server as never, args: [...args] })
  post({ type: 'done', sql: await file.text() })
} catch (error) {
  post({ type: 'failed', message: error instanceof Error ? error.message : String(error) })
}
