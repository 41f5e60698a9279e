import type { Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { connectionString } from './connection-string.ts'
import { BridgeMemory } from './dump-bridge.ts'
import type { BridgeMessage, BridgeWorkerData } from './dump-bridge.ts'
import { dumpFailure } from './dump-failure.ts'
import type { Endpoint } from './endpoint.ts'
import { BackendFrames, withoutChannelBinding } from './protocol-frames.ts'
import { openServerSocket } from './server-socket.ts'

export interface WasmDumpOptions extends AbortOptions {
  readonly database: string
  readonly tls: boolean
  /** pg_dump's arguments, without those that say where the database is. */
  readonly args: readonly string[]
}

/** The major version of the pg_dump in `@electric-sql/pglite-tools`. */
export const WASM_PG_DUMP_MAJOR = 18

/**
 * Runs the WebAssembly build of pg_dump against a real server: no program has to be installed, and every machine writes the same text.
 * It runs in a thread of its own; its conversation with the server passes through a socket of ours, which does the encryption.
 * @throws {BackupError} `SOURCE_UNSUPPORTED` when the schema has a line that this build would drop
 */
export async function wasmDump (endpoint: Endpoint, { database, tls, args, signal }: WasmDumpOptions): Promise<string> {
  const socket = await openServerSocket(endpoint, { tls, signal })
  const memory = BridgeMemory.allocate()
  const workerData: BridgeWorkerData = { memory, args: [...args, '-d', connectionOf(endpoint, database)] }
  const worker = new Worker(workerUrl(), { workerData })
  const conversation = new Conversation(socket, new BridgeMemory(memory))
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const abort = (): void => { reject(signal?.reason) }
  signal?.addEventListener('abort', abort, { once: true })
  worker.on('error', reject)
  worker.on('exit', () => { reject(new BackupError('SOURCE_FAILED', 'pg_dump ended without a result')) })
  worker.on('message', (message: BridgeMessage) => {
    if (message.type === 'done') resolve(message.sql)
    else if (message.type === 'failed') reject(dumpFailure(message.message, endpoint))
    else conversation.handle(message)
  })
  try {
    const sql = await promise
    conversation.assertNothingDropped()
    return sql
  } finally {
    signal?.removeEventListener('abort', abort)
    socket.destroy()
    await worker.terminate()
  }
}

/** What the server says, until the dump's thread asks for it. */
class Conversation {
  readonly #socket: Socket
  readonly #memory: BridgeMemory
  readonly #frames = new BackendFrames()
  readonly #restrictions = new RestrictLines()
  #unread: Buffer[] = []
  #complete = false
  #wanted = false

  constructor (socket: Socket, memory: BridgeMemory) {
    this.#socket = socket
    this.#memory = memory
    socket.on('data', (bytes: Buffer) => { this.#receive(withoutChannelBinding(bytes)) })
    // pg_dump reads the end of its connection as such, and says why it stops.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#complete = true
      this.#answer()
    })
  }

  handle (message: BridgeMessage): void {
    if (message.type === 'send') {
      this.#socket.write(message.bytes)
      this.#wanted = message.awaitsAnswer
    } else {
      this.#wanted = true
    }
    this.#answer()
  }

  assertNothingDropped (): void {
    if (!this.#restrictions.found) return
    throw new BackupError('SOURCE_UNSUPPORTED', 'a function, comment or other text of the schema has a line that begins with \\restrict or \\unrestrict, which the built-in pg_dump would drop; set pgDump to "native" to use an installed one')
  }

  #receive (bytes: Buffer): void {
    this.#unread.push(bytes)
    this.#restrictions.push(bytes)
    this.#complete ||= this.#frames.push(bytes)
    this.#answer()
  }

  #answer (): void {
    if (!this.#wanted || (this.#unread.length === 0 && !this.#complete)) return
    const bytes = this.#next()
    const last = this.#complete && this.#unread.length === 0
    this.#wanted = false
    if (last && !this.#socket.closed) this.#complete = false
    this.#memory.offer(bytes, { last })
  }

  #next (): Buffer {
    const first = this.#unread.shift() ?? Buffer.alloc(0)
    const piece = first.subarray(0, this.#memory.pieceBytes)
    if (piece.length < first.length) this.#unread.unshift(first.subarray(piece.length))
    return piece
  }
}

/**
 * The WebAssembly build deletes lines that begin with these words from its output, wherever they stand. All text of a dump
 * comes from the server, so they would have to pass here.
 */
class RestrictLines {
  found = false
  #tail = ''

  push (bytes: Buffer): void {
    const text = this.#tail + bytes.toString('latin1')
    this.found ||= /(?:[\n\r]|\xe2\x80[\xa8\xa9])\\(?:un)?restrict(?!\w)[^]/i.test(text)
    this.#tail = text.slice(-16)
  }
}

function workerUrl (): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './dump-worker.ts' : './dump-worker.js', import.meta.url)
}

/** The bridge is the connection: host and port are only for messages. */
function connectionOf ({ host, port, user, password }: Endpoint, database: string): string {
  return connectionString({ host: host.startsWith('/') ? 'localhost' : host, port: String(port), user, password, dbname: database, sslmode: 'disable', gssencmode: 'disable' })
}
