import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import { loadBlobOwners, loadBlobs } from './restore-blobs.ts'
import { forItem } from './restore-error.ts'
import type { Job } from './restore-jobs.ts'
import { batchesOf, restoreObjects } from './restore-objects.ts'
import type { Batch, Chain, ObjectOptions } from './restore-objects.ts'
import { sequenceOf, setPosition } from './restore-sequences.ts'
import type { Sessions } from './restore-sessions.ts'
import type { RestoreStages } from './restore-stages.ts'
import type { RestoredTable } from './restore-table.ts'
import { restoredTables } from './restore-tables.ts'
import { refreshView, viewOf } from './restore-views.ts'

/** Fills an empty database; returns its tables. @throws {BackupError} `TARGET_FAILED` naming the item that failed */
export async function buildDatabase (sessions: Sessions, stages: RestoreStages, options: ObjectOptions): Promise<RestoredTable[]> {
  const { first } = sessions
  await restoreObjects(first, stages.definitions, options)
  const tables = await restoredTables(stages, sessions, options)
  await sessions.run(buildingJobs(tables, stages, options))
  await restoreObjects(first, options.owners === 'keep' ? stages.rights : [], options)
  for (const item of stages.refreshes) {
    await forItem({ action: `refresh ${item.id}`, item: item.id }, async () => { await refreshView(first, viewOf(item)) })
    options.onItem(item)
  }
  await restoreObjects(first, stages.eventTriggers, options)
  return tables
}

/**
 * What there is to do once the definitions are there, the most pressing first. The indexes of a table begin when its rows are in, everything else that
 * is added waits for what stands before it; meanwhile tables that have their keys are read back.
 */
export function buildingJobs (tables: readonly RestoredTable[], stages: RestoreStages, options: ObjectOptions): Job[] {
  const loads = new Map(tables.map(table => [table.item.id, loading(table, options)]))
  const allLoads = [...loads.values()].flat()
  const positions: Job = { after: [], alone: [], run: async client => { await restorePositions(client, stages, options) } }
  const additions: Job[] = []
  const keys: Job[] = []
  let before = gate([...allLoads, positions])
  for (const batch of batchesOf(stages.additions)) {
    const isFirst = additions.length === 0 && batch.kind === 'indexes'
    const jobs = addingJobs(batch, { options, after: chain => isFirst ? loadsFor(chain, loads) : [before], isPartitioned: hasPartitions(stages) })
    if (isFirst) keys.push(...jobs.filter(({ alone }) => alone.length > 0))
    additions.push(before, ...jobs)
    before = gate([before, ...jobs])
  }
  const readBacks = tables.flatMap(table => readingBack(table, [...loads.get(table.item.id)!, ...keys.filter(({ alone }) => alone.some(name => table.item.deps.includes(name)))]))
  return [...allLoads, positions, ...additions, ...readBacks]
}

function hasPartitions ({ definitions }: RestoreStages): boolean {
  return definitions.some(({ attributes }) => attributes['type'] === 'TABLE ATTACH')
}

/** Those of the tables that the chain is about, their partitions' too. */
function loadsFor ({ items }: Chain, loads: ReadonlyMap<string, readonly Job[]>): Job[] {
  return [...new Set(items.flatMap(({ deps }) => deps.flatMap(dep => loads.get(dep) ?? [])))]
}

interface AddingOptions {
  readonly options: ObjectOptions
  readonly after: (chain: Chain) => readonly Job[]
  readonly isPartitioned: boolean
}

/** A table's indexes come after its keys, for which it has to be free. */
function addingJobs ({ kind, chains }: Batch, { options, after, isPartitioned }: AddingOptions): Job[] {
  const keys = new Map<string, Job>()
  // A foreign key of a partitioned table locks every partition too, and would find some locked by another key's making.
  const inTurn = kind === 'foreign keys' && isPartitioned ? ['partitions'] : []
  return chains.toSorted((a, b) => Number(b.locks) - Number(a.locks)).map(chain => {
    const job: Job = {
      after: [...after(chain), ...chain.locks ? [] : chain.tables.flatMap(table => keys.get(table) ?? [])],
      alone: chain.locks ? [...chain.tables, ...inTurn] : [],
      run: async (client, { signal }) => { await restoreObjects(client, chain.items, { ...options, signal }) },
    }
    if (kind === 'indexes' && chain.locks) keys.set(chain.tables[0]!, job)
    return job
  })
}

function loading (table: RestoredTable, { onItem }: ObjectOptions): Job[] {
  return table.loads.map(load => {
    const run = async (client: pg.Client, options: AbortOptions): Promise<void> => {
      await load(client, options)
      if (table.isLoaded) onItem(table.item)
    }
    return { after: [], alone: [], run }
  })
}

/** Reading is compatible with all that is added behind the indexes; what is not waits in the server. */
function readingBack (table: RestoredTable, after: readonly Job[]): Job[] {
  return table.readBacks.map(run => ({ after, alone: [], run }))
}

/** Nothing to do but to wait for many. */
function gate (after: readonly Job[]): Job {
  return { after, alone: [], run: async () => undefined }
}

/** Large objects, and where sequences stand. */
async function restorePositions (client: pg.Client, { blobs, blobOwners, sequences }: RestoreStages, { owners, onItem, signal }: ObjectOptions): Promise<void> {
  const abort: AbortOptions = { signal }
  for (const item of blobs) {
    await loadBlobs(client, item, abort)
    onItem(item)
  }
  for (const item of blobOwners) {
    await loadBlobOwners(client, item, { ...abort, rights: owners === 'keep' })
    onItem(item)
  }
  for (const item of sequences) {
    await setPosition(client, item, sequenceOf(item), abort)
    onItem(item)
  }
}
