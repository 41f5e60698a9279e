import { BackupError } from '../../errors.ts'
import type { AbortOptions, Plain } from '../../stream.ts'
import { canonicalText } from './points.ts'
import { readCollectionState } from './collection-state.ts'
import type { CollectionState } from './collection-state.ts'
import type { QdrantConnection } from './connection.ts'
import { createServerSnapshot, deleteServerSnapshot } from './server-snapshot.ts'
import type { ServerSnapshot } from './server-snapshot.ts'

/** A collection as its snapshot on the server holds it. */
export interface CapturedCollection {
  readonly snapshot: ServerSnapshot
  readonly state: CollectionState
  /** Points after the snapshot was made; it holds a number between this and `state.points`. */
  readonly pointsAfter: number
  /** Digest of the points that the snapshot holds, if that was asked for and could be proven. */
  readonly pointsDigest?: string
}

const ATTEMPTS = 3

/**
 * Takes a snapshot of a collection together with the parameters that hold for it. On failure none stays on the server.
 * @throws {BackupError} `SOURCE_CHANGED` when parameters or aliases change each time, `SOURCE_UNSUPPORTED` for collections spread over several servers
 */
export async function captureCollection (server: QdrantConnection, collection: string, options: AbortOptions = {}): Promise<CapturedCollection> {
  await refuseRemoteShards(server, collection, options)
  let state = await readCollectionState(server, collection, options)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const snapshot = await createServerSnapshot(server, collection, options)
    const after = await deletingOnFailure(server, snapshot, async () => await readCollectionState(server, collection, options))
    if (sameParameters(state, after)) return { snapshot, state, pointsAfter: after.points }
    await deleteServerSnapshot(server, snapshot)
    state = after
  }
  throw new BackupError('SOURCE_CHANGED', `parameters or aliases of collection ${collection} changed during each of ${ATTEMPTS} snapshots; try again when nobody changes them`, { data: { collection } })
}

/** Facts a restore needs; equal as long as the collection is unchanged. */
export function attributesOf ({ snapshot, state, pointsAfter, pointsDigest }: CapturedCollection, serverVersion: string): { readonly [key: string]: Plain } {
  return {
    collection: snapshot.collection,
    serverVersion,
    points: state.points,
    config: state.config,
    aliases: state.aliases,
    ...(pointsAfter === state.points ? {} : { pointsAfter }),
    ...(pointsDigest === undefined ? {} : { pointsDigest }),
  }
}

async function refuseRemoteShards (server: QdrantConnection, collection: string, options: AbortOptions): Promise<void> {
  const { remote_shards: remote } = await server.request(`reading the shards of ${collection}`, client => client.collectionClusterInfo(collection), options)
  if (remote.length === 0) return
  throw new BackupError('SOURCE_UNSUPPORTED', `collection ${collection} has shards on ${new Set(remote.map(shard => shard.peer_id)).size} other servers, and a snapshot holds only those of one; collections spread over a cluster cannot be captured`, { data: { collection } })
}

async function deletingOnFailure<T> (server: QdrantConnection, snapshot: ServerSnapshot, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    await deleteServerSnapshot(server, snapshot).catch(() => {}) // the first failure is the one to tell
    throw error
  }
}

function sameParameters (a: CollectionState, b: CollectionState): boolean {
  return canonicalText([a.config, a.aliases]) === canonicalText([b.config, b.aliases])
}
