import { once } from 'node:events'
import { connect as connectTcp, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Endpoint } from './endpoint.ts'

/** length 8, then the code that stands for a version in a request for TLS */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** A bare socket to the server, encrypted when `tls` says so, on which nothing has been said yet. */
export async function openServerSocket ({ host, port, tls: tlsOptions }: Endpoint, { tls, signal }: AbortOptions & { readonly tls: boolean }): Promise<Socket> {
  const socket = host.startsWith('/') ? connectTcp({ path: `${host}/.s.PGSQL.${port}` }) : connectTcp({ host, port })
  try {
    await once(socket, 'connect', { signal })
    if (!tls) return socket
    socket.write(SSL_REQUEST)
    const [answer] = await once(socket, 'data', { signal }) as [Buffer]
    if (answer.toString('latin1') !== 'S') throw new BackupError('SOURCE_UNREACHABLE', `the server on ${host}:${port} does not support TLS`)
    const secure = connectTls({ ...tlsOptions, socket, host, ...(isIP(host) === 0 && { servername: host }) })
    await once(secure, 'secureConnect', { signal })
    return secure
  } catch (error) {
    socket.destroy()
    signal?.throwIfAborted()
    throw error
  }
}
