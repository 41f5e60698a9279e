import { join } from 'node:path'
import { makeBed } from '../bed.ts'
import { caf } from '../caf.ts'
import type { Act } from '../contender.ts'
import { liveDay } from '../database.ts'
import { folderSize } from '../folder-size.ts'
import type { Measurement } from '../results.ts'
import { Store } from '../store.ts'

/** What a repository of one size took. */
export interface DatabaseGrowth {
  readonly times: number
  /** Bytes of the rows as COPY text. */
  readonly rowBytes: number
  readonly acts: ReadonlyMap<string, Measurement>
  /** Stored by kind, after the day, in bytes. */
  readonly packBytes: number
  readonly segmentBytes: number
  readonly cacheBytes: number
  readonly logBytes: number
}

/** The benchmark's database at `base × times`: each act once, as a process of its own. */
export async function growDatabase (base: number, times: number, signal: AbortSignal): Promise<DatabaseGrowth> {
  const scale = base * times
  await using bed = await makeBed(scale, { signal, parts: 'database' })
  const contender = caf({ sealed: false })
  const folder = join(bed.folder, 'store')
  const store = new Store(contender, bed, folder)
  await store.make()
  const acts = new Map<string, Measurement>()
  const measure = async (name: string, act: Act, command: string | undefined, variables: Readonly<Record<string, string>> = {}): Promise<void> => {
    acts.set(name, await store.measure(act, command ?? '', variables))
  }
  await measure('first snapshot', 'database/first', `${contender.snapshotDatabase} --tag n1`)
  await measure('nothing changed', 'database/unchanged', contender.snapshotDatabase)
  await bed.withDatabase(undefined, async client => { await liveDay(client, scale, 1) })
  await measure('after a day', 'database/day', contender.snapshotDatabase)
  const repository = join(folder, 'store')
  const sizes = {
    packBytes: await folderSize(join(repository, 'blobs')), segmentBytes: await folderSize(join(repository, 'metadata', 'index')),
    cacheBytes: await folderSize(join(repository, 'metadata', 'level')), logBytes: await folderSize(join(repository, 'metadata', 'log')),
  }
  await measure('restore all', 'database/restore', contender.restoreDatabase, { TARGET: 'grown' })
  await measure('verify all data', 'database/verify', contender.verify)
  const found = await store.run(contender.findSnapshot ?? '', { NUMBER: '1' })
  await measure('forget the first, gc', 'files/collect', contender.collect, { FOUND: found })
  return { times, rowBytes: bed.bytes.database, acts, ...sizes }
}
