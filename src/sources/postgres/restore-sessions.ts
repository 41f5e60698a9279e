import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { Connections } from './connections.ts'
import { openSession } from './restore-session.ts'
import type { SessionOptions } from './restore-session.ts'

/** Several connections to one database that share its work. */
export interface Sessions {
  /** For what has to be done one after the other. */
  readonly first: pg.Client
  /**
   * Does every job, as many at once as there are connections, each on one of them; jobs start in their order. After the first failure no
   * further one starts, and it rejects with that failure when those running have ended.
   */
  each<T>(jobs: readonly T[], act: (client: pg.Client, job: T, options: AbortOptions) => Promise<void>): Promise<void>
}

export interface SessionsOptions extends SessionOptions {
  readonly count: number
}

/** Opens connections, hands them to `act` and releases them; when `act` fails or the signal is aborted they are cut off. */
export async function withSessions<T> (connections: Connections, database: string, options: SessionsOptions, act: (sessions: Sessions) => Promise<T>): Promise<T> {
  const { count, signal } = options
  const clients: pg.Client[] = []
  const cutOff = (): void => { for (const client of clients) connections.destroy(client) }
  signal?.addEventListener('abort', cutOff, { once: true })
  try {
    while (clients.length < count) clients.push(await openSession(connections, database, options))
    signal?.throwIfAborted()
    const result = await act(sessionsOf(clients, options))
    await Promise.all(clients.map(async client => { await connections.release(client) }))
    return result
  } catch (error) {
    cutOff()
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', cutOff)
  }
}

function sessionsOf (clients: readonly pg.Client[], { signal }: AbortOptions): Sessions {
  return {
    first: clients[0]!,
    async each (jobs, act) {
      const failing = new AbortController()
      const any = AbortSignal.any([failing.signal, ...(signal === undefined ? [] : [signal])])
      const queue = jobs.values()
      const work = async (client: pg.Client): Promise<void> => {
        for (const job of queue) {
          any.throwIfAborted()
          await act(client, job, { signal: any })
        }
      }
      await Promise.all(clients.map(async client => { await work(client).catch((error: unknown) => { failing.abort(error) }) }))
      any.throwIfAborted()
    },
  }
}
