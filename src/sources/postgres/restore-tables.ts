import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import type { Sessions } from './restore-sessions.ts'
import type { RestoreStages } from './restore-stages.ts'
import { RestoredTable } from './restore-table.ts'

/** Fewer bytes of rows are not worth another connection. */
const LEAST_PART_BYTES = 8 * 1024 * 1024

/** How many connections tables keep busy: large ones several, and what comes behind a table's rows one more. */
export function usefulConnections (rows: readonly RestoreItem[]): number {
  return 1 + rows.reduce((sum, { sizeBytes }) => sum + Math.max(1, Math.floor(sizeBytes / LEAST_PART_BYTES)), 0)
}

/** The tables, whose definitions are there; the largest first, which decides how long it all takes. One that holds more than a connection's share is worked on by several. */
export async function restoredTables (stages: RestoreStages, { first, count }: Sessions, { signal }: AbortOptions): Promise<RestoredTable[]> {
  const total = stages.rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const share = Math.max(total / count, LEAST_PART_BYTES)
  const tables: RestoredTable[] = []
  for (const item of stages.rows.toSorted((a, b) => b.sizeBytes - a.sizeBytes)) {
    const shares = Math.round(item.sizeBytes / share)
    const { isIndexed, isReferred } = keysOf(item, shares > 1 ? stages.additions : [])
    tables.push(await RestoredTable.of(first, item, { count: isIndexed ? shares : 1, isFrozen: isReferred, signal }))
  }
  return tables
}

/**
 * Whether a table gets a key before it is read back, by which its rows can be read in order; and whether a foreign key refers to it: the server then looks
 * for frozen rows in that key's index alone, for others in the whole table.
 */
function keysOf (table: RestoreItem, additions: readonly RestoreItem[]): { readonly isIndexed: boolean, readonly isReferred: boolean } {
  const keys = additions.filter(({ attributes, deps }) => attributes['type'] === 'CONSTRAINT' && deps.some(dep => table.deps.includes(dep)))
  const isReferred = additions.some(({ attributes, deps }) => attributes['type'] === 'FK CONSTRAINT' && keys.some(({ id }) => deps.includes(id)))
  return { isIndexed: keys.length > 0, isReferred }
}
