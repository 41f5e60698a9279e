import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** Requests that were let through and could change something. */
  readonly effects: readonly string[]
}

/**
 * Hands requests on to `target`; the answer to effect number `after` (from 1) and all later requests are lost. What
 * the server then holds is what a process leaves that is killed at this point.
 */
export async function cuttingProxy (target: string, after: number): Promise<CuttingProxy> {
  const effects: string[] = []
  const server = createServer((incoming, outgoing) => {
    if (effects.length >= after) return void incoming.socket.destroy()
    const [path = ''] = (incoming.url ?? '').split('?')
    const isEffect = incoming.method !== 'GET' && !path.endsWith('/points/count')
    if (isEffect) effects.push(`${incoming.method} ${path}`)
    const isLost = isEffect && effects.length === after
    const onward = request(target + incoming.url, { method: incoming.method, headers: incoming.headers, agent: false }, answer => {
      if (isLost) return void answer.resume().once('end', () => { incoming.socket.destroy() })
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => { incoming.socket.destroy() })
    incoming.pipe(onward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    effects,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
