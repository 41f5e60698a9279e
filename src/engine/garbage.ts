import { randomUUID } from 'node:crypto'
import type { Address } from '../cas/blob-store.ts'
import { applyGarbage } from '../cas/garbage-apply.ts'
import { planGarbage as planStoredGarbage } from '../cas/garbage-plan.ts'
import type { GarbagePlan, Mark } from '../cas/garbage-plan.ts'
import { Marked } from '../cas/marked.ts'
import type { Repository, Root } from '../cas/repository.ts'
import type { CID } from '../dag/block.ts'
import { parseCid } from '../dag/block.ts'
import { walk } from '../dag/walk.ts'
import type { BrokenVisit, Visit } from '../dag/walk.ts'
import type { AbortOptions } from '../stream.ts'
import type { BackupEmitter } from './events.ts'
import { openLedger } from './ledger.ts'
import { inSpan } from './span.ts'

export interface GarbageRequest extends AbortOptions {
  /**
   * Share of a pack, 0 to 1, that may be garbage before what is needed of it is copied and it goes.
   * @default 0.3
   */
  readonly maxWaste?: number
  /** Removes just these, which no snapshot may need. */
  readonly only?: readonly Address[]
  /** Called with the number of sessions that the collection waits for. */
  readonly onWait?: (sessions: number) => void
  readonly events?: BackupEmitter | undefined
  readonly traceId?: string | undefined
}

export interface CollectedGarbage {
  /** Addresses that no pack holds any more. */
  readonly removed: readonly Address[]
  readonly freedBytes: number
  readonly packsDeleted: number
  readonly durationMs: number
}

/** Says which packs a collection would delete and what that frees. Changes nothing. @throws {BackupError} `BLOB_IN_USE`, `BLOB_MISSING`, `INDEX_CORRUPT` */
export async function planGarbage (repository: Repository, request: GarbageRequest = {}): Promise<GarbagePlan> {
  return await planStoredGarbage(repository, { ...optionsOf(request), mark: marking(repository, request) })
}

/**
 * Removes what no snapshot needs, beside running snapshots and restores, which it waits for.
 * @throws {BackupError} as {@link planGarbage}; `STORAGE_…`
 */
export async function collectGarbage (repository: Repository, request: GarbageRequest = {}): Promise<CollectedGarbage> {
  const { traceId = randomUUID(), signal } = request
  return await inSpan('caf.gc', { 'caf.trace_id': traceId }, async span => {
    const ledger = await openLedger(repository, { traceId, signal })
    const collected = await collect(repository, { ...request, traceId })
    const { packsDeleted: packs, freedBytes } = collected
    span.setAttributes({ 'caf.bytes': freedBytes, 'caf.packs': packs })
    if (packs > 0) await ledger?.recordDone({ kind: 'collected', packs, freedBytes })
    await ledger?.closeOpen({ signal }) // after the collection, which has revoked dead sessions
    return collected
  })
}

async function collect (repository: Repository, request: GarbageRequest & { readonly traceId: string }): Promise<CollectedGarbage> {
  const started = performance.now()
  const { events, traceId, onWait } = request
  const marks = { mark: marking(repository, request), marked: new Marked() }
  const plan = await planStoredGarbage(repository, { ...optionsOf(request), ...marks })
  const { maxWaste, signal } = optionsOf(request)
  const result = await applyGarbage(repository, plan, {
    ...marks, signal, ...(maxWaste === undefined ? {} : { maxWaste }), ...(onWait === undefined ? {} : { onWait: sessions => { onWait(sessions.size) } }),
  })
  const removed = await Array.fromAsync(result.removed())
  const counts = { freedBytes: result.freedBytes, packsDeleted: result.packs.length, durationMs: Math.round(performance.now() - started) }
  events?.emit('backup.garbage.collected', { traceId, removed: removed.length, ...counts })
  return { removed, ...counts }
}

/** Walks everything that the visible snapshots, and those being read, are made of; fails rather than leave out what it cannot read. */
function marking (repository: Repository, { signal }: AbortOptions): Mark {
  return async function * mark (roots, marked) {
    const skip = (address: Address, isChunk: boolean): boolean => isChunk ? marked.has(address) : marked.hasBlock(address)
    const note = ({ address, kind }: Visit): void => { if (kind !== 'chunk') marked.noteBlock(address) }
    const { visible = [], forgotten = [] } = Object.groupBy(roots, root => root.forgotten ? 'forgotten' : 'visible')
    for await (const visit of walk(cidsOf(visible), repository, { signal, skip })) {
      note(visit)
      yield visit.address
    }
    // Who names a snapshot that was collected before is about to find that out: what is missing below it stops no collection.
    for await (const visit of walk(cidsOf(forgotten), repository, { signal, skip, onBroken: passOverMissing })) {
      note(visit)
      if (repository.hasSync(visit.address)) yield visit.address
    }
  }
}

function cidsOf (roots: readonly Root[]): CID[] {
  return roots.map(({ id, root }) => parseCid(root, `the commit of snapshot ${id}`))
}

function passOverMissing ({ error }: BrokenVisit): void {
  if (error.code !== 'BLOB_MISSING') throw error
}

function optionsOf ({ maxWaste, only, signal }: GarbageRequest): Pick<GarbageRequest, 'maxWaste' | 'only' | 'signal'> {
  return { signal, ...(maxWaste === undefined ? {} : { maxWaste }), ...(only === undefined ? {} : { only }) }
}
