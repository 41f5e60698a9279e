import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { PrepareOptions, Problem, RestoreItem, Restorer } from '../source.ts'
import { listAliases, listCollections, readCollectionState, sameConfig } from './collection-state.ts'
import { connectQdrant } from './connection.ts'
import type { QdrantConnection } from './connection.ts'
import { digestPoints } from './points-digest.ts'
import { findProblems } from './restore-problems.ts'
import { restoreTarget } from './restore-target.ts'
import type { RestoreNames, RestoreTarget } from './restore-target.ts'
import { createServerSnapshot, deleteServerSnapshot, readServerSnapshot } from './server-snapshot.ts'
import { stableTar } from './stable-tar.ts'
import { deleteStaged, stageCollection } from './staged-collection.ts'
import { commitStaged, hasBegun } from './staged-commit.ts'
import { targetOfStaged } from './staged-name.ts'

export interface QdrantRestorerOptions extends RestoreNames {
  /** The source's name. @default 'qdrant' */
  readonly name?: string
  /** `http(s)://host[:port][/prefix]`; without a port it is 6333. */
  readonly url: string
  readonly apiKey?: string | undefined
  /** What happens to a collection that exists, and to an alias that belongs to another one. @default 'refuse' */
  readonly replace?: 'refuse' | 'swap' | undefined
  /** What is compared with the record before anything becomes visible; each includes those before it. `points` needs a capture with `digest: 'points'`. @default 'count' */
  readonly verify?: 'config' | 'count' | 'points' | undefined
}

/**
 * Brings collections back through uploads of their snapshots. They are built and verified as `<name>__restoring`; the
 * commit copies each to its name (Qdrant has no rename), switches all aliases in one request and deletes the staged one.
 *
 * A restorer that has prepared something commits or aborts that. Another one, in a new process, takes all staged
 * collections of the server: so only one restore at a time can work on a server.
 */
export function qdrantRestorer (options: QdrantRestorerOptions): Restorer {
  const { name = 'qdrant', url, apiKey, replace = 'refuse', verify = 'count' } = options
  const server = connectQdrant({ url, apiKey, failure: 'TARGET_FAILED' })
  let prepared: string[] | undefined
  const staged = async (abort: AbortOptions): Promise<readonly string[]> => prepared ?? await listStaged(server, abort)
  return {
    name,
    async check (items, { signal } = {}) {
      return await problemsOf(async () => await findProblems(server, items.map(item => restoreTarget(item, options)), { replace, verify, signal }))
    },
    async holds (item, abort = {}) {
      return await isHeld(server, restoreTarget(item, options), abort)
    },
    async prepare (items, { signal, onItem }: PrepareOptions = {}) {
      const targets = items.map(item => restoreTarget(item, options))
      refusePending(targets, await listStaged(server, { signal }))
      prepared ??= []
      for (const target of targets) {
        prepared.push(target.staged)
        await stageCollection(server, target, { verify, signal })
        onItem?.(target.item)
      }
    },
    async commit ({ signal } = {}) {
      await commitStaged(server, await staged({ signal }), { replace, signal })
      prepared = prepared && []
    },
    async abort ({ signal } = {}) {
      await abortStaged(server, await staged({ signal }), { signal })
      prepared = prepared && []
    },
    async close () {},
  }
}

async function listStaged (server: QdrantConnection, options: AbortOptions): Promise<string[]> {
  return (await listCollections(server, options)).filter(collection => targetOfStaged(collection) !== undefined)
}

async function problemsOf (find: () => Promise<Problem[]>): Promise<readonly Problem[]> {
  try {
    return await find()
  } catch (error) {
    if (isBackupError(error) && (error.code === 'SOURCE_UNREACHABLE' || error.code === 'SOURCE_AUTH')) return [{ code: error.code, message: error.message }]
    throw error
  }
}

function refusePending (targets: readonly RestoreTarget[], present: readonly string[]): void {
  const pending = targets.find(({ staged }) => present.includes(staged))
  if (pending === undefined) return
  throw new BackupError('RESTORE_PENDING', `collection ${pending.staged} is there already: a restore was not finished; resume or abort it`, { data: { collection: pending.staged } })
}

async function abortStaged (server: QdrantConnection, staged: readonly string[], { signal }: AbortOptions): Promise<void> {
  for (const collection of staged) {
    if (await hasBegun(server, collection, { signal })) {
      throw new BackupError('RESTORE_PENDING', `the restore of collection ${collection} has begun to become visible and can only be finished`, { data: { collection } })
    }
  }
  for (const collection of staged) await deleteStaged(server, collection)
}

/** Bytes prove that a collection was left alone; one that was restored has other bytes and is known by its points' digest only. */
async function isHeld (server: QdrantConnection, { item, recorded, name, aliases }: RestoreTarget, options: AbortOptions): Promise<boolean> {
  if (!(await listCollections(server, options)).includes(name)) return false
  const state = await readCollectionState(server, name, options)
  const owners = await listAliases(server, options)
  const [fewest, most] = recorded.points
  const isAlike = sameConfig(recorded.config, state.config) && state.points >= fewest && state.points <= most && aliases.every(alias => owners.get(alias) === name)
  if (!isAlike) return false
  if (recorded.pointsDigest !== undefined) return await digestPoints(server, name, options) === recorded.pointsDigest
  return await hasSameBytes(server, item, name, options)
}

async function hasSameBytes (server: QdrantConnection, item: RestoreItem, collection: string, options: AbortOptions): Promise<boolean> {
  const snapshot = await createServerSnapshot(server, collection, options)
  try {
    return await item.matches({ form: 'bytes', cut: 'tar', read: (reading = {}) => stableTar(readServerSnapshot(server, snapshot, reading)) }, options)
  } finally {
    await deleteServerSnapshot(server, snapshot)
  }
}
