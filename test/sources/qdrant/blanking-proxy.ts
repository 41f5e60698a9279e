import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface BlankingProxy extends AsyncDisposable {
  readonly url: string
  /** Checksums that were blanked. */
  readonly blanked: readonly string[]
}

/** Hands requests on to `target`, but blanks the checksums in its first `answers` answers that have some: what a Qdrant says that reads them too soon. */
export async function blankingProxy (target: string, answers: number): Promise<BlankingProxy> {
  const blanked: string[] = []
  let left = answers
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const { 'api-key': apiKey = '' } = incoming.headers
      const answer = await fetch(target + incoming.url, { method: incoming.method ?? 'GET', headers: { 'api-key': String(apiKey), 'content-type': 'application/json' } })
      const isJson = answer.headers.get('content-type')?.startsWith('application/json') === true
      const body = Buffer.from(await answer.arrayBuffer())
      const found = isJson && left > 0 ? [...body.toString().matchAll(/"checksum":"([0-9a-f]+)"/g)].map(match => match[1]!) : []
      if (found.length > 0) left--
      blanked.push(...found)
      outgoing.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
      outgoing.end(found.length > 0 ? body.toString().replace(/"checksum":"[0-9a-f]+"/g, '"checksum":""') : body)
    })().catch(() => { incoming.socket.destroy() })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    blanked,
    async [Symbol.asyncDispose] () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
