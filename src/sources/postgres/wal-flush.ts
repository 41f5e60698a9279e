import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import type { ServerFacts } from './server-facts.ts'

const POLL_MS = 20

/**
 * True once all that was in the WAL when `facts` were read is durable: from then on a crash cannot make the server give the xids that
 * the snapshot saw to others. False when that does not come within `waitMs`. A standby has nothing that is not durable on its primary.
 * @param nudge makes the server commit something: it does not hurry to make durable what no commit waits for
 */
export async function isFlushed (client: pg.Client, facts: ServerFacts, { waitMs, nudge }: { readonly waitMs: number, nudge(): Promise<void> }): Promise<boolean> {
  if (facts['inRecovery'] === true) return true
  const end = performance.now() + waitMs
  for (let asked = 0; ; asked++) {
    const { rows: [row] } = await client.query<{ flushed: boolean | null }>('SELECT pg_current_wal_flush_lsn() >= $1::pg_lsn AS flushed', [facts['insertPosition'] ?? null])
    if (row?.flushed === true) return true
    if (performance.now() >= end) return false
    if (asked === 0) await nudge()
    await setTimeout(POLL_MS)
  }
}
