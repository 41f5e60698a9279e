import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CuttingProxy extends AsyncDisposable {
  readonly url: string
  /** Requests that were let through. */
  readonly requests: readonly string[]
}

/**
 * Hands requests on to `target`; the answer to request number `after` (from 1) and all later requests are lost. What
 * the server then holds is what a process leaves that is killed at this point.
 */
export async function cuttingProxy (target: string, after: number): Promise<CuttingProxy> {
  const requests: string[] = []
  const server = createServer((incoming, outgoing) => {
    if (requests.length >= after) return void incoming.socket.destroy()
    requests.push(`${incoming.method} ${incoming.url?.split('?')[0]}`)
    const isLost = requests.length === after
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
    requests,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
