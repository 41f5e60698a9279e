import { fastify } from 'fastify'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { folderOf } from '../trust/witness/witness-state.ts'
import type { Witness, WitnessAnswer } from '../trust/witness/witness.ts'
import { RateLimit } from './rate-limit.ts'

export interface ValidatorServerOptions {
  readonly witness: Pick<Witness, 'addCheckpoint' | 'checkpoint'>
  /** The logs that it serves. */
  readonly origins: readonly string[]
  /** Requests in a minute from one address. @default 600 */
  readonly requestsPerMinute?: number
  /** How long a request may take to arrive. @default 30000 */
  readonly requestTimeoutMs?: number
  /** Milliseconds since 1970. @default Date.now */
  readonly clock?: () => number
}

/** A checkpoint with some large signatures, and a proof. */
const MOST_BYTES = 262_144
const MOST_CONNECTIONS = 256

/**
 * The witness protocol over HTTP (C2SP tlog-witness): `POST /add-checkpoint`, and `GET /<origin hash>/checkpoint` for who monitors.
 * Who calls it listens with it and closes it.
 */
export function validatorServer ({ witness, origins, requestsPerMinute = 600, requestTimeoutMs = 30_000, clock = Date.now }: ValidatorServerOptions): FastifyInstance {
  const server = fastify({
    bodyLimit: MOST_BYTES, requestTimeout: requestTimeoutMs, keepAliveTimeout: 60_000, forceCloseConnections: 'idle', logger: false,
    // Node takes the two limits for each other when that of the headers is the greater.
    http: { headersTimeout: Math.min(10_000, requestTimeoutMs), connectionsCheckingInterval: Math.min(5_000, requestTimeoutMs) },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  server.server.maxConnections = MOST_CONNECTIONS
  const limit = new RateLimit({ perMinute: requestsPerMinute, clock })
  const byHash = new Map(origins.map(origin => [folderOf(origin), origin]))

  // Whatever it is called, the body is bytes.
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => { done(null, body) })
  server.addHook('onRequest', async (request, reply) => {
    if (!limit.allows(request.ip)) await reply.code(429).header('retry-after', '60').type('text/plain; charset=utf-8').send('too many requests\n')
  })
  let isClosing = false
  server.addHook('preClose', async () => { isClosing = true })
  // Else closing would wait until a client that is answered meanwhile has let go of its connection.
  server.addHook('onSend', async (_request, reply) => { if (isClosing) reply.header('connection', 'close') })
  server.setErrorHandler(async (error: { readonly statusCode?: number }, _request, reply) => {
    const status = error.statusCode ?? 500
    await reply.code(status).type('text/plain; charset=utf-8').send(status === 413 ? 'the request is too long\n' : status < 500 ? 'this is no request to a validator\n' : 'the validator failed\n')
  })
  server.setNotFoundHandler(async (_request, reply) => { await reply.code(404).type('text/plain; charset=utf-8').send('there is nothing here\n') })

  server.post('/add-checkpoint', async (request, reply) => {
    const body = request.body instanceof Uint8Array ? request.body : Buffer.alloc(0)
    await send(reply, await witness.addCheckpoint(body))
  })
  server.get<{ Params: { readonly hash: string } }>('/:hash/checkpoint', async (request, reply) => {
    const origin = byHash.get(request.params.hash)
    const checkpoint = origin === undefined ? undefined : await witness.checkpoint(origin)
    if (checkpoint === undefined) reply.callNotFound()
    else await reply.type('text/plain; charset=utf-8').send(checkpoint)
  })
  return server
}

async function send (reply: FastifyReply, { status, contentType, body }: WitnessAnswer): Promise<void> {
  // As bytes: fastify would add a charset to the type, which the protocol gives without one.
  await reply.code(status).header('content-type', contentType).send(Buffer.from(body))
}
