import type pg from 'pg'
import type { RestoreItem } from '../source.ts'
import type { Sessions } from './restore-sessions.ts'
import { runStatements } from './restore-sql.ts'
import { statementsFor } from './restore-statements.ts'
import type { StatementContext } from './restore-statements.ts'

export interface ObjectOptions extends StatementContext {
  readonly onItem: (item: RestoreItem) => void
}

/** Makes the objects one after the other. @throws {BackupError} `TARGET_FAILED` naming the one that failed */
export async function restoreObjects (client: pg.Client, items: readonly RestoreItem[], options: ObjectOptions): Promise<void> {
  for (const item of items) {
    options.signal?.throwIfAborted()
    await runStatements(client, item, await statementsFor(item, options))
    options.onItem(item)
  }
}

/** Makes what is added to filled tables: indexes of different tables at the same time, everything else in its order. */
export async function restoreAdditions (sessions: Sessions, items: readonly RestoreItem[], options: ObjectOptions): Promise<void> {
  for (const chains of batchesOf(items)) {
    await sessions.each(chains, async (client, chain) => { await restoreObjects(client, chain, options) })
  }
}

/** Items that must follow one another. */
type Chain = readonly RestoreItem[]

const INDEXING = new Set(['INDEX', 'CONSTRAINT'])

/**
 * Batches, in order, of chains that may run at the same time. Within a run of indexes and keys (with their comments) there is a chain for each table:
 * those of one table would only wait for each other's locks.
 */
export function batchesOf (items: readonly RestoreItem[]): Chain[][] {
  const batches: Chain[][] = []
  let run = new Map<string, RestoreItem[]>()
  let tableOfItem = new Map<string, string>()
  const endRun = (): void => {
    if (run.size > 0) batches.push([...run.values()])
    run = new Map()
    tableOfItem = new Map()
  }
  for (const item of items) {
    const table = INDEXING.has(String(item.attributes['type'])) ? tableIn(item.deps) : tableOfItem.get(String(item.attributes['of']))
    if (table === undefined) {
      endRun()
      batches.push([[item]])
    } else {
      const chain = run.get(table) ?? []
      run.set(table, chain)
      chain.push(item)
      tableOfItem.set(item.id, table)
    }
  }
  endRun()
  return batches
}

/** The one table (or materialized view) among the deps; undefined if there are several. */
function tableIn (deps: readonly string[]): string | undefined {
  const [table, ...others] = deps.filter(dep => /\/object\/(?:TABLE|MATERIALIZED VIEW) /.test(dep))
  return others.length === 0 ? table : undefined
}
