import type { Schemas } from '@qdrant/js-client-rest'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { listAliases, listCollections, readCollectionState, sameConfig } from './collection-state.ts'
import type { QdrantConnection } from './connection.ts'
import { copyUploaded, deleteUploads } from './snapshot-upload.ts'
import { deleteStaged } from './staged-collection.ts'
import { targetOfStaged } from './staged-name.ts'

// A commit can be cut off anywhere and begun again by another process, so where it stands is written into the target,
// as aliases of the staged collection:
//   <alias>__restoring     an alias that the collection is to get
//   <name>__committing     <name> may be deleted and made again: what stands there is old, or our own unfinished copy
//   <name>__committed      <name> is whole and has its aliases; only the staged collection is left over
// While a collection is replaced, its aliases point to the staged one, so readers through an alias notice nothing.

export interface CommitOptions extends AbortOptions {
  readonly replace: 'refuse' | 'swap'
}

/** Makes staged collections visible under their names. @throws {BackupError} `TARGET_EXISTS`, before any effect */
export async function commitStaged (server: QdrantConnection, staged: readonly string[], { replace, signal }: CommitOptions): Promise<void> {
  const plans = await planCommit(server, staged, { signal })
  const open = plans.filter(plan => plan.stage !== 'committed')
  refuseExisting(open, replace)
  await switchAliases(server, open.flatMap(beginActions), { signal })
  for (const plan of open) await placeCollection(server, plan, { signal })
  await switchAliases(server, open.flatMap(endActions), { signal })
  for (const { staged, name } of plans) {
    await deleteUploads(server, name)
    await deleteStaged(server, staged)
  }
}

/** True if a commit of this staged collection has begun, so that there is no way back. */
export async function hasBegun (server: QdrantConnection, staged: string, options: AbortOptions = {}): Promise<boolean> {
  const [plan] = await planCommit(server, [staged], options)
  return plan !== undefined && plan.stage !== 'staged'
}

interface CommitPlan {
  readonly staged: string
  readonly name: string
  readonly stage: 'staged' | 'committing' | 'committed'
  /** True if there is a collection `name`. */
  readonly isTaken: boolean
  /** Aliases that it is to get. */
  readonly wanted: readonly string[]
  /** Aliases that it, or the staged one in its place, has. */
  readonly current: readonly string[]
  /** Wanted aliases that belong to other collections: alias → collection. */
  readonly foreign: ReadonlyMap<string, string>
}

async function planCommit (server: QdrantConnection, staged: readonly string[], options: AbortOptions): Promise<CommitPlan[]> {
  const collections = new Set(await listCollections(server, options))
  const aliases = await listAliases(server, options)
  return staged.filter(name => collections.has(name)).map(name => planOf(name, collections, aliases))
}

function planOf (staged: string, collections: ReadonlySet<string>, aliases: ReadonlyMap<string, string>): CommitPlan {
  const name = targetOfStaged(staged) ?? staged
  const own = [...aliases].filter(([, owner]) => owner === staged || owner === name).map(([alias]) => alias)
  const wanted = own.map(targetOfStaged).filter(alias => alias !== undefined)
  const markers = [committing(name), committed(name)]
  return {
    staged,
    name,
    stage: own.includes(committed(name)) ? 'committed' : own.includes(committing(name)) ? 'committing' : 'staged',
    isTaken: collections.has(name),
    wanted,
    current: own.filter(alias => targetOfStaged(alias) === undefined && !markers.includes(alias)),
    foreign: new Map([...aliases].filter(([alias, owner]) => wanted.includes(alias) && owner !== staged && owner !== name)),
  }
}

const committing = (name: string): string => `${name}__committing`
const committed = (name: string): string => `${name}__committed`

function refuseExisting (plans: readonly CommitPlan[], replace: 'refuse' | 'swap'): void {
  if (replace === 'swap') return
  for (const { stage, name, isTaken, foreign } of plans) {
    if (stage !== 'staged') continue
    if (isTaken) throw new BackupError('TARGET_EXISTS', `collection ${name} was created while it was restored; let it be replaced, or abort and restore under another name`, { data: { name } })
    for (const [alias, owner] of foreign) throw new BackupError('TARGET_EXISTS', `the alias ${alias} was given to collection ${owner} while it was restored; let it be replaced, or abort and skip it`, { data: { alias, owner } })
  }
}

type AliasAction = Schemas['AliasOperations']

function point (alias: string, collection: string): AliasAction {
  return { create_alias: { alias_name: alias, collection_name: collection } }
}

function beginActions ({ staged, name, isTaken, current }: CommitPlan): AliasAction[] {
  return [point(committing(name), staged), ...(isTaken ? current.map(alias => point(alias, staged)) : [])]
}

function endActions ({ staged, name, wanted, current }: CommitPlan): AliasAction[] {
  return [...current, ...wanted].map(alias => point(alias, name)).concat(point(committed(name), staged))
}

/** One request: Qdrant works the actions off in order, unseen by readers in between. */
async function switchAliases (server: QdrantConnection, actions: readonly AliasAction[], options: AbortOptions): Promise<void> {
  if (actions.length > 0) await server.request('switching aliases', client => client.updateCollectionAliases({ actions: [...actions] }), options)
}

async function placeCollection (server: QdrantConnection, { staged, name, isTaken }: CommitPlan, options: AbortOptions): Promise<void> {
  if (isTaken) await server.request(`deleting collection ${name}`, client => client.deleteCollection(name), options)
  await copyUploaded(server, staged, name, options)
  const [expected, actual] = [await readCollectionState(server, staged, options), await readCollectionState(server, name, options)]
  // The number of points is not compared: while aliases point to the staged collection it may be written.
  if (sameConfig(expected.config, actual.config)) return
  throw new BackupError('TARGET_DIFFERS', `collection ${name} got other parameters than ${staged}`, { data: { name, expected: expected.config, actual: actual.config } })
}
