import type pg from 'pg'
import type { Connections } from './connections.ts'
import { runJobs } from './restore-jobs.ts'
import type { Job } from './restore-jobs.ts'
import { openSession } from './restore-session.ts'
import type { SessionOptions } from './restore-session.ts'

/** Several connections to one database that share its work. */
export interface Sessions {
  /** For what has to be done one after the other. */
  readonly first: pg.Client
  /** How many they are. */
  readonly count: number
  /** See {@link runJobs}. */
  run(jobs: readonly Job[]): Promise<void>
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
    const opening = await Promise.allSettled(Array.from({ length: count }, async () => { clients.push(await openSession(connections, database, options)) }))
    for (const one of opening) if (one.status === 'rejected') throw one.reason
    signal?.throwIfAborted()
    const result = await act({ first: clients[0]!, count, run: async jobs => { await runJobs(clients, jobs, { signal }) } })
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
