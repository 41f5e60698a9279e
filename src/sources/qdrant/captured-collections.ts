import PQueue from 'p-queue'
import type { AbortOptions } from '../../stream.ts'
import { captureCollection } from './captured-collection.ts'
import type { CapturedCollection } from './captured-collection.ts'
import type { QdrantConnection } from './connection.ts'
import { digestPoints } from './points-digest.ts'
import { deleteServerSnapshot } from './server-snapshot.ts'

export interface CaptureCollectionsOptions extends AbortOptions {
  /** How many snapshots the server makes at once. */
  readonly concurrency: number
  /** `points`: digest all points before and after the snapshots; equal digests are those of the snapshot. */
  readonly digest: 'none' | 'points'
}

export interface CapturedCollections {
  readonly collections: readonly CapturedCollection[]
  /** The first snapshot was begun not before, the last one finished not after. */
  readonly begin: Date
  readonly end: Date
}

/** Captures all of `names`, or none: when one fails, the snapshots that were made are deleted. */
export async function captureCollections (server: QdrantConnection, names: readonly string[], options: CaptureCollectionsOptions): Promise<CapturedCollections> {
  const { digest, signal } = options
  const before = digest === 'points' ? await digests(server, names, { signal }) : undefined
  const begin = new Date()
  const collections = await captureEach(server, names, options)
  const end = new Date()
  if (before === undefined) return { collections, begin, end }
  try {
    const after = await digests(server, names, { signal })
    return { collections: collections.map((entry, index) => before[index] === after[index] ? { ...entry, pointsDigest: after[index]! } : entry), begin, end }
  } catch (error) {
    await deleteAll(server, collections)
    throw error
  }
}

/** Side by side, so that the moments lie close together. The first failure stops those that have not begun. */
async function captureEach (server: QdrantConnection, names: readonly string[], { concurrency, signal }: CaptureCollectionsOptions): Promise<CapturedCollection[]> {
  const queue = new PQueue({ concurrency })
  const failed = new AbortController()
  const stop = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])])
  const results = await Promise.allSettled(names.map(async name => await queue.add(async () => {
    try {
      return await captureCollection(server, name, { signal: stop })
    } catch (error) {
      failed.abort(error)
      throw error
    }
  })))
  const captured = results.filter(result => result.status === 'fulfilled').map(result => result.value)
  if (captured.length === names.length) return captured
  await deleteAll(server, captured)
  throw stop.reason
}

async function digests (server: QdrantConnection, names: readonly string[], options: AbortOptions): Promise<string[]> {
  const found: string[] = []
  for (const name of names) found.push(await digestPoints(server, name, options))
  return found
}

async function deleteAll (server: QdrantConnection, captured: readonly CapturedCollection[]): Promise<void> {
  await Promise.allSettled(captured.map(async ({ snapshot }) => { await deleteServerSnapshot(server, snapshot) }))
}
