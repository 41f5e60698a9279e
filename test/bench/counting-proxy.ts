import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** Stands before a server and counts what it sends. */
export interface CountingProxy extends AsyncDisposable {
  readonly port: number
  /** Bytes that the server has sent so far, all connections together. */
  sentBytes(): number
}

export async function countingProxy (target: { readonly host: string, readonly port: number }): Promise<CountingProxy> {
  let sent = 0
  const sockets = new Set<Socket>()
  const server = createServer(client => {
    const upstream = connect(target)
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(socket)
      socket.on('error', () => { other.destroy() }).on('close', () => { sockets.delete(socket); other.destroy() })
    }
    upstream.on('data', (piece: Buffer) => { sent += piece.length })
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sentBytes: () => sent,
    async [Symbol.asyncDispose] () {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
