import { join } from 'node:path'
import { rm, stat } from 'node:fs/promises'
import type { Bed } from './bed.ts'
import type { Act, Contender } from './contender.ts'
import { countingProxy } from './counting-proxy.ts'
import type { CountingProxy } from './counting-proxy.ts'
import { countSessions, databaseFingerprint, liveDay } from './database.ts'
import { touchFiles } from './files.ts'
import { changePoints } from './points.ts'
import type { Measurement } from './results.ts'
import { Store } from './store.ts'

export interface BenchOptions {
  readonly scale: number
  readonly rounds: number
  /** Leave out what others need long for: restoring, verifying and freeing; and of ours, sealed, what a key changes little at. */
  readonly quick: boolean
  readonly contenders: readonly Contender[]
  /** Kinds of acts, the first parts of their names; others are left out. */
  readonly only: readonly string[]
  readonly onMeasured: (measurement: Measurement) => void
  /** The same for a last round with the snapshots of the database alone, in which what the server sends is counted: times are worth nothing there. */
  readonly onCounted: (measurement: Measurement) => void
}

/** Snapshots of the files when one is forgotten. */
const FILE_SNAPSHOTS = 10
const FILE_SNAPSHOTS_QUICK = 4

/**
 * Measures all acts of all contenders. They take turns at each act, another first in each round, and start each round with empty
 * repositories; the application lives on from round to round.
 */
export async function runBench (bed: Bed, options: BenchOptions): Promise<void> {
  for (let round = 0; round < options.rounds; round++) {
    const turned = options.contenders.map((_, place, all) => all[(place + round) % all.length]!)
    const turn = { ...options, contenders: turned }
    if (options.only.includes('start')) await startRound(bed, turn)
    if (options.only.includes('database')) await databaseRound(bed, turn, round)
    if (options.only.includes('files')) await filesRound(bed, turn, round)
    if (options.only.includes('points') && bed.qdrant !== undefined) await pointsRound(bed, bed.qdrant.url, turn, round)
  }
  if (options.only.includes('database')) await countingRound(bed, options)
}

/** Starting and ending without any work: what is in every other act too. */
async function startRound (bed: Bed, options: BenchOptions): Promise<void> {
  await using stores = await openStores(bed, options, contender => contender.start !== undefined)
  await stores.each('start', contender => contender.start, {})
}

async function databaseRound (bed: Bed, options: BenchOptions, round: number): Promise<void> {
  await using stores = await openStores(bed, options, contender => contender.snapshotDatabase !== undefined)
  await databaseSnapshots(bed, stores, options, round)
  await restores(bed, stores, options, 'database/restore')
  await restores(bed, stores, options, 'database/table')
  await stores.each('database/verify', contender => contender.verify, { NUMBER: '3' })
  for (const store of stores.all) {
    const { contender } = store
    if (contender.exportArchive === undefined || isLeftOut(contender, 'database/export', options)) continue
    const measured = await store.measure('database/export', contender.exportArchive)
    options.onMeasured({ ...measured, addedBytes: (await stat(join(store.output, 'archive.caf'))).size })
  }
}

async function databaseSnapshots (bed: Bed, { each }: Stores, { scale }: BenchOptions, round: number): Promise<void> {
  await each('database/first', contender => contender.snapshotDatabase, { NUMBER: '1' })
  await each('database/unchanged', contender => contender.snapshotDatabase, { NUMBER: '2' })
  await bed.withDatabase(undefined, async client => { await liveDay(client, scale, round + 1) })
  await each('database/day', contender => contender.snapshotDatabase, { NUMBER: '3' })
}

async function countingRound (bed: Bed, options: BenchOptions): Promise<void> {
  await using proxy = await countingProxy({ host: bed.env['PGHOST']!, port: Number(bed.env['PGPORT']) })
  const counted = { ...options, onMeasured: options.onCounted }
  await using stores = await openStores(bed, counted, contender => contender.snapshotDatabase !== undefined && !(options.quick && contender.name !== 'caf'), proxy)
  await databaseSnapshots(bed, stores, counted, options.rounds)
}

const TARGET = 'bench_restored'

/** Each restore goes into a new database, and is compared with the source. */
async function restores (bed: Bed, stores: Stores, options: BenchOptions, act: 'database/restore' | 'database/table'): Promise<void> {
  const fingerprint = act === 'database/restore' ? databaseFingerprint : countSessions
  const expected = await bed.withDatabase(undefined, fingerprint)
  for (const store of stores.all) {
    const { contender } = store
    const command = act === 'database/restore' ? contender.restoreDatabase : contender.restoreTable
    if (command === undefined || isLeftOut(contender, act, options)) continue
    if (!contender.makesTarget) await bed.withDatabase('postgres', async client => await client.query(`CREATE DATABASE ${TARGET}`))
    const measured = await store.measure(act, command, { NUMBER: '3', TARGET })
    const restored = await bed.withDatabase(TARGET, fingerprint)
    if (restored !== expected) throw new Error(`${contender.name} restored ${restored} in the place of ${expected}`)
    await bed.withDatabase('postgres', async client => await client.query(`DROP DATABASE ${TARGET} WITH (FORCE)`))
    options.onMeasured(measured)
  }
}

/** What a quick run does of the acts. */
const QUICK: Readonly<Record<'peers' | 'sealed', readonly Act[]>> = {
  peers: ['database/first', 'database/unchanged', 'database/day', 'files/first', 'files/unchanged', 'files/day', 'points/first', 'points/unchanged', 'points/day'],
  sealed: ['database/first', 'database/unchanged', 'database/day', 'database/restore', 'files/first'],
}

function isLeftOut ({ name, leavesOut = [] }: Contender, act: Act, { quick }: BenchOptions): boolean {
  return leavesOut.includes(act) || (quick && name !== 'caf' && !QUICK[name.startsWith('caf') ? 'sealed' : 'peers'].includes(act))
}

async function filesRound (bed: Bed, options: BenchOptions, round: number): Promise<void> {
  const last = options.quick ? FILE_SNAPSHOTS_QUICK : FILE_SNAPSHOTS
  await using stores = await openStores(bed, options, contender => contender.snapshotFiles !== undefined)
  const { each, all } = stores
  await each('files/first', contender => contender.snapshotFiles, { NUMBER: '1' })
  await each('files/unchanged', contender => contender.snapshotFiles, { NUMBER: '2' })
  for (let number = 3; number <= last; number++) {
    await touchFiles(bed.files, options.scale, round * FILE_SNAPSHOTS + number)
    if (number === 3) await each('files/day', contender => contender.snapshotFiles, { NUMBER: '3' })
    else for (const store of all.filter(({ contender }) => !isLeftOut(contender, 'files/collect', options))) await store.run(store.contender.snapshotFiles ?? '', { NUMBER: String(number) })
  }
  await each('list', contender => contender.list, {})
  for (const store of all) {
    const { contender } = store
    if (contender.restoreFiles === undefined || isLeftOut(contender, 'files/restore', options)) continue
    options.onMeasured(await store.measure('files/restore', contender.restoreFiles, { NUMBER: String(last) }))
  }
  // Not sooner: ext4 looks at each inode that was given back a moment ago before it takes another one, which the next restore would pay for.
  for (const { output } of all) await rm(join(output, 'files'), { recursive: true, force: true })
  for (const store of all) {
    const { findSnapshot, collect } = store.contender
    if (findSnapshot === undefined || collect === undefined || isLeftOut(store.contender, 'files/collect', options)) continue
    const found = await store.run(findSnapshot, { NUMBER: '3' })
    options.onMeasured(await store.measure('files/collect', collect, { FOUND: found }))
  }
}

async function pointsRound (bed: Bed, url: string, options: BenchOptions, round: number): Promise<void> {
  await using stores = await openStores(bed, options, contender => contender.snapshotPoints !== undefined)
  await stores.each('points/first', contender => contender.snapshotPoints, { NUMBER: '1' })
  await stores.each('points/unchanged', contender => contender.snapshotPoints, { NUMBER: '2' })
  await changePoints(url, options.scale, round + 1)
  await stores.each('points/day', contender => contender.snapshotPoints, { NUMBER: '3' })
}

interface Stores extends AsyncDisposable {
  readonly all: readonly Store[]
  /** Measures an act in each that has a command for it. */
  readonly each: (act: Act, commandOf: (contender: Contender) => string | undefined, variables: Readonly<Record<string, string>>) => Promise<void>
}

async function openStores (bed: Bed, options: BenchOptions, takesPart: (contender: Contender) => boolean, proxy?: CountingProxy): Promise<Stores> {
  const all = options.contenders.filter(takesPart).map((contender, number) => new Store(contender, bed, join(bed.folder, `store-${number}`), proxy))
  for (const store of all) await store.make()
  return {
    all,
    async each (act, commandOf, variables) {
      for (const store of all) {
        const command = commandOf(store.contender)
        if (command !== undefined && !isLeftOut(store.contender, act, options)) options.onMeasured(await store.measure(act, command, variables))
      }
    },
    async [Symbol.asyncDispose] () {
      for (const store of all) await store.remove()
    },
  }
}
