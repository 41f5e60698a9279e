import { createHash } from 'node:crypto'
import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { readCollectionState, sameConfig } from './collection-state.ts'
import type { QdrantConnection } from './connection.ts'
import { digestPoints } from './points-digest.ts'
import type { RestoreTarget } from './restore-target.ts'
import { deleteUploads, uploadSnapshot } from './snapshot-upload.ts'
import { stagedName } from './staged-name.ts'

export interface StageOptions extends AbortOptions {
  readonly verify: 'config' | 'count' | 'points'
}

/**
 * Uploads an item under its staged name, verifies it there, and gives it its aliases under staged names: so all that a
 * commit needs to know stands in the target itself.
 * @throws {BackupError} `TARGET_DIFFERS`
 */
export async function stageCollection (server: QdrantConnection, target: RestoreTarget, { verify, signal }: StageOptions): Promise<void> {
  const checksum = await checksumOf(target, { signal })
  try {
    await uploadSnapshot(server, target.staged, target.item.read({ signal }), { checksum, signal })
  } catch (error) {
    if (isBackupError(error, 'TARGET_FAILED')) await deleteRefusedUpload(server, target.staged).catch(() => {}) // the first failure is the one to tell
    throw error
  }
  await verifyStaged(server, target, { verify, signal })
  if (target.aliases.length === 0) return
  const actions = target.aliases.map(alias => ({ create_alias: { collection_name: target.staged, alias_name: stagedName(alias) } }))
  await server.request(`preparing the aliases of ${target.name}`, client => client.updateCollectionAliases({ actions }), { signal })
}

/** Deletes a staged collection, its aliases and its uploads. Nothing happens when there is none. */
export async function deleteStaged (server: QdrantConnection, staged: string): Promise<void> {
  try {
    await deleteUploads(server, staged)
  } catch (error) {
    if (isBackupError(error, 'SOURCE_MISSING')) return
    throw error
  }
  await server.request(`deleting collection ${staged}`, client => client.deleteCollection(staged))
}

/** Reads the item once before anything is sent: damage shows before it has an effect, and Qdrant can check what it gets. */
async function checksumOf ({ item }: RestoreTarget, options: AbortOptions): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of item.read(options)) hash.update(piece)
  return hash.digest('hex')
}

/**
 * Deletes what a refused upload may have left: Qdrant keeps the file although it made no collection, and lets it be
 * deleted only through a collection of that name.
 */
async function deleteRefusedUpload (server: QdrantConnection, staged: string): Promise<void> {
  await server.request(`clearing up after ${staged}`, client => client.createCollection(staged, { vectors: {}, wal_config: { wal_capacity_mb: 1 } }))
  await deleteStaged(server, staged)
}

async function verifyStaged (server: QdrantConnection, { recorded, name, staged }: RestoreTarget, { verify, signal }: StageOptions): Promise<void> {
  const state = await readCollectionState(server, staged, { signal })
  if (!sameConfig(recorded.config, state.config)) throw differs(name, 'other parameters than it was captured with', { expected: recorded.config, actual: state.config })
  if (verify === 'config') return
  const [fewest, most] = recorded.points
  if (state.points < fewest || state.points > most) {
    const expected = fewest === most ? `${fewest}` : `${fewest} to ${most}`
    throw differs(name, `${state.points} points instead of ${expected}; if it was written while it was captured, verify its parameters only`, { expected: recorded.points, actual: state.points })
  }
  if (verify === 'count') return
  const digest = await digestPoints(server, staged, { signal })
  if (digest !== recorded.pointsDigest) throw differs(name, 'other points than it was captured with', { expected: recorded.pointsDigest, actual: digest })
}

function differs (collection: string, what: string, data: object): BackupError {
  return new BackupError('TARGET_DIFFERS', `collection ${collection} came back with ${what}`, { data: { collection, ...data } })
}
