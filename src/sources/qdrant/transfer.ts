import { randomUUID } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { AbortOptions, Bytes } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'
import { QdrantAnswerError } from './connection.ts'

// node:http and not fetch: fetch gives up when the answer's head takes five minutes, and recovering a large collection does.

/**
 * The bytes of a file on the server. The connection ends with the iteration, also when it is left early.
 * @throws what {@link QdrantConnection.request} throws, plus the signal's reason
 */
export async function * download (server: QdrantConnection, path: string, { signal }: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted()
  const request = open(server, path, { method: 'GET' })
  const stop = (): void => { request.destroy() }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    const answer = await answerTo(request.end())
    if (answer.statusCode !== 200) throw await answerError(answer)
    for await (const piece of answer as AsyncIterable<Buffer>) {
      signal?.throwIfAborted()
      yield piece
    }
  } catch (cause) {
    signal?.throwIfAborted()
    throw server.error(`downloading ${decodeURI(path)}`, cause)
  } finally {
    signal?.removeEventListener('abort', stop)
    request.destroy()
  }
}

export interface UploadOptions extends AbortOptions {
  /** What the server calls the file in its snapshot folder. */
  readonly fileName: string
}

/**
 * Posts `body` as the file of a multipart form, piece by piece. Resolves when the server has worked it in. Once it has
 * all of the body the server cannot be stopped: after an abort this waits for it, so that the caller can undo it.
 */
export async function upload (server: QdrantConnection, path: string, body: Bytes, { fileName, signal }: UploadOptions): Promise<void> {
  signal?.throwIfAborted()
  const boundary = `caf-${randomUUID()}`
  const request = open(server, path, { method: 'POST', headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } })
  const stop = (): void => { request.destroy() }
  signal?.addEventListener('abort', stop, { once: true })
  const answered = answerTo(request)
  answered.catch(() => {}) // awaited below, unless sending fails for another reason
  try {
    await send(request, multipart(body, boundary, fileName), answered)
    signal?.removeEventListener('abort', stop)
    const answer = await answered
    if (answer.statusCode !== 200) throw await answerError(answer)
    answer.resume()
  } catch (cause) {
    signal?.throwIfAborted()
    throw server.error(`uploading ${decodeURI(path.split('?')[0] ?? path)}`, cause)
  } finally {
    signal?.removeEventListener('abort', stop)
    request.destroy()
  }
  signal?.throwIfAborted()
}

function open ({ location, headers }: QdrantConnection, path: string, options: RequestOptions): ClientRequest {
  const url = new URL(location + path)
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  return send(url, { ...options, headers: { ...headers, ...options.headers as Record<string, string> }, agent: false })
}

async function answerTo (request: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request.once('response', resolve).on('error', reject)
  request.once('close', () => { reject(Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })) })
  return await promise
}

/** Stops early when the answer comes before the end: a server that refuses an upload does not read it. */
async function send (request: ClientRequest, body: Bytes, answered: Promise<IncomingMessage>): Promise<void> {
  let isAnswered = false
  const mark = (): void => { isAnswered = true }
  answered.then(mark, mark)
  for await (const piece of body) {
    await Promise.race([written(request, piece), answered])
    if (isAnswered) return
  }
  request.end()
}

/** Resolves when the piece has left this process, so that its owner may use the memory again. */
async function written (request: ClientRequest, piece: Uint8Array): Promise<void> {
  await new Promise<void>(resolve => { request.write(piece, () => { resolve() }) }) // failures come through the answer
}

async function * multipart (body: Bytes, boundary: string, fileName: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="snapshot"; filename="${fileName}"\r\ncontent-type: application/octet-stream\r\n\r\n`)
  yield * body
  yield Buffer.from(`\r\n--${boundary}--\r\n`)
}

const LONGEST_ANSWER = 4096

async function answerError (answer: IncomingMessage): Promise<QdrantAnswerError> {
  let text = ''
  for await (const piece of answer as AsyncIterable<Buffer>) {
    text += piece.toString()
    if (text.length > LONGEST_ANSWER) break
  }
  return new QdrantAnswerError(answer.statusCode ?? 0, text)
}
