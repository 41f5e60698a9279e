import type { IncomingMessage } from 'node:http'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export interface PostOptions extends AbortOptions {
  /** Longer answers are refused. @default 65536 */
  readonly limitBytes?: number
}

/**
 * Posts a body and reads the answer. Not `fetch`: that gives up after five minutes without headers, and a validator may read
 * for longer than that before it answers. Redirects are answers like any other.
 * @throws {BackupError} `SOURCE_UNREACHABLE` when nothing, or no whole answer, comes
 */
export async function post (url: URL, body: Uint8Array | string, { limitBytes = 65_536, signal }: PostOptions = {}): Promise<Answer> {
  signal?.throwIfAborted()
  const bytes = Buffer.from(body)
  // Not for who asks nobody: to import one of these Node loads all of its fetch.
  const { request } = await (url.protocol === 'https:' ? import('node:https') : import('node:http'))
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': bytes.length }
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, { method: 'POST', headers, ...(signal === undefined ? {} : { signal }) }, resolve).on('error', reject).end(bytes)
    })
    return { status: answer.statusCode ?? 0, contentType: answer.headers['content-type'] ?? '', body: await readText(answer, limitBytes) }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof BackupError) throw error
    throw new BackupError('SOURCE_UNREACHABLE', `no answer from ${url.origin}: ${systemCode(error) ?? String(error)}`, { data: { url: url.origin }, cause: error })
  }
}

async function readText (answer: IncomingMessage, limitBytes: number): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > limitBytes) {
      answer.destroy()
      throw new BackupError('SOURCE_UNREACHABLE', `the answer is longer than ${limitBytes} bytes`)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
