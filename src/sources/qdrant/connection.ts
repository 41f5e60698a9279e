import { QdrantClient } from '@qdrant/js-client-rest'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'

export interface QdrantConnectionOptions {
  /** `http(s)://host[:port][/prefix]`; without a port it is 6333, as for every Qdrant client. */
  readonly url: string
  readonly apiKey?: string | undefined
  /** Code of the errors that have no better one. @default 'SOURCE_FAILED' */
  readonly failure?: 'SOURCE_FAILED' | 'TARGET_FAILED'
}

/** One Qdrant server: its client, and what plain HTTP needs for the transfers that the client has no streams for. */
export interface QdrantConnection {
  /** The server's URL without secrets, without a `/` at its end. */
  readonly location: string
  readonly headers: Readonly<Record<string, string>>
  readonly client: QdrantClient
  /** Turns what a request failed with into a {@link BackupError}; `what` says what was tried, as in "counting the points of kb". */
  error(what: string, cause: unknown): BackupError
  /**
   * Makes a request through the client, which knows no signals: an aborted one is left behind.
   * @throws {BackupError} `SOURCE_UNREACHABLE`, `SOURCE_AUTH`, `SOURCE_MISSING` (HTTP 404), else the connection's `failure`
   */
  request<T>(what: string, make: (client: QdrantClient) => Promise<T>, options?: AbortOptions): Promise<T>
}

const DEFAULT_PORT = 6333

/** Does not connect yet, and keeps no connection between requests, so there is nothing to close. @throws {BackupError} `INVALID_OPTION` */
export function connectQdrant ({ url, apiKey, failure = 'SOURCE_FAILED' }: QdrantConnectionOptions): QdrantConnection {
  const location = locationOf(url)
  const headers = apiKey === undefined ? {} : { 'api-key': apiKey }
  const { protocol, hostname, port, pathname } = new URL(location)
  const client = new QdrantClient({
    host: hostname,
    port: Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port), // URL leaves out a scheme's own port
    https: protocol === 'https:',
    prefix: pathname === '/' ? '' : pathname,
    // The key as `apiKey` would make the client print a warning about plain HTTP. Qdrant closes idle connections after
    // 5 seconds, the client keeps them for 10, and a request on one that is just being closed fails: each gets its own.
    headers: { ...headers, connection: 'close' },
    checkCompatibility: false, // it prints
    timeout: Infinity, // snapshots of large collections take as long as they take
  })
  const error = (what: string, cause: unknown): BackupError => requestError(`${what} at ${location}`, cause, failure)
  return {
    location,
    headers,
    client,
    error,
    async request (what, make, { signal } = {}) {
      try {
        return await unlessAborted(make(client), signal)
      } catch (cause) {
        if (signal?.aborted === true && cause === signal.reason) throw cause
        throw error(what, cause)
      }
    },
  }
}

function locationOf (url: string): string {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new BackupError('INVALID_OPTION', 'the URL of a Qdrant server must be http(s)://host[:port]', { data: { option: 'url' } })
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new BackupError('INVALID_OPTION', 'the URL of a Qdrant server must not hold a user or password; give the key as `apiKey`', { data: { option: 'url' } })
  }
  const hasPort = /^https?:\/\/[^/?#]*:\d+(?:[/?#]|$)/i.test(url)
  const host = hasPort ? parsed.host : `${parsed.hostname}:${DEFAULT_PORT}`
  return `${parsed.protocol}//${host}${parsed.pathname.replace(/\/+$/, '')}`
}

/** Rejects with the signal's reason as soon as it is aborted, whatever becomes of `work`. */
async function unlessAborted<T> (work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const stop = (): void => { reject(signal.reason as Error) }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work, stopped])
  } finally {
    signal.removeEventListener('abort', stop)
    work.catch(() => {}) // after an abort nobody waits for it any more
  }
}

function requestError (what: string, cause: unknown, failure: 'SOURCE_FAILED' | 'TARGET_FAILED'): BackupError {
  if (cause instanceof BackupError) return cause
  const status = statusOf(cause)
  if (status === undefined) {
    const reason = reasonOf(cause)
    return new BackupError('SOURCE_UNREACHABLE', `${what}: no answer (${reason}); check that Qdrant runs there and that the URL is right`, { data: { reason }, cause })
  }
  if (status === 401 || status === 403) {
    return new BackupError('SOURCE_AUTH', `${what}: Qdrant refused the API key (HTTP ${status}); give one that may read and write snapshots`, { data: { status }, cause })
  }
  return new BackupError(status === 404 ? 'SOURCE_MISSING' : failure, `${what}: ${answerOf(cause)} (HTTP ${status})`, { data: { status }, cause })
}

/** An HTTP answer other than success, as the transfers report it; the client's own errors have the same members. */
export class QdrantAnswerError extends Error {
  readonly status: number
  readonly data: unknown

  constructor (status: number, text: string) {
    super(`HTTP ${status}`)
    this.name = 'QdrantAnswerError'
    this.status = status
    this.data = parsed(text)
  }
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function statusOf (cause: unknown): number | undefined {
  return cause instanceof Error && 'status' in cause && typeof cause.status === 'number' ? cause.status : undefined
}

/** The server's own words: `{ status: { error } }`, or plain text. */
function answerOf (cause: unknown): string {
  const data = (cause as { data?: { status?: { error?: unknown } } | string | undefined }).data
  const words = typeof data === 'string' ? data : data?.status?.error
  return typeof words === 'string' && words !== '' ? words : 'the request failed'
}

function reasonOf (cause: unknown): string {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  return systemCode(inner) ?? (inner instanceof Error ? inner.message : String(inner))
}
