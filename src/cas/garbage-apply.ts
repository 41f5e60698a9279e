import { hostIdentity } from '../storage/host-identity.ts'
import type { AbortOptions } from '../stream.ts'
import { AddressSet } from './address-set.ts'
import type { Address } from './blob-store.ts'
import { count } from './count.ts'
import { Evacuator } from './evacuation.ts'
import { MAX_WASTE, markNeeded } from './garbage-plan.ts'
import type { GarbagePlan, Mark, PlannedPack } from './garbage-plan.ts'
import { KnownSegments } from './known-segments.ts'
import { PACK_PREFIX, finalKey, packKey, packNameOf, planKey, segmentKey } from './layout.ts'
import type { Marked } from './marked.ts'
import { waitForSessions } from './open-sessions.ts'
import type { WaitOptions } from './open-sessions.ts'
import type { Plans } from './plans.ts'
import { corrupt } from './record.ts'
import { FinalRecord, createRecord, readRecord } from './records.ts'
import { checkShareable } from './repository-config.ts'
import type { Repository } from './repository.ts'
import { renewSegments, superfluousSegments } from './segment-turnover.ts'
import { listSegments } from './segments.ts'

export interface ApplyGarbageOptions extends AbortOptions, Pick<WaitOptions, 'pollMs' | 'onWait'> {
  /** Called after all sessions that could know the planned packs have ended; must then see their commits. */
  readonly mark: Mark
  /** As given to the plan. @default 0.3 */
  readonly maxWaste?: number
  /** What the plan's mark has found: snapshots that are still there are not walked again. */
  readonly marked?: Marked
}

export interface GarbageResult {
  /** Packs that were deleted. */
  readonly packs: readonly string[]
  /** Their bytes, less those of the packs written in their place. */
  readonly freedBytes: number
  readonly removedBlobs: number
  /** Addresses that no pack holds any more. Read it before the next collection: it comes from what that one tidies up. */
  removed(): AsyncIterable<Address>
}

/** A plan as it is carried out: a plan that another process left has no reasons. */
interface Work {
  readonly n: number
  readonly packs: readonly string[]
  readonly reasons: ReadonlyMap<string, PlannedPack['why']>
  readonly only: readonly Address[]
}

/**
 * Carries out a plan, after finishing the one that another process may have left. Waits for every session that is open when
 * it begins (none of the caller's own may be), and revokes those that are dead. May be stopped at any point: the next
 * collection, anywhere, goes on.
 * @throws {BackupError} as {@link planGarbage}; `RECORD_CORRUPT`, `STORAGE_UNSUITABLE`, `STORAGE_…`
 */
export async function applyGarbage (repository: Repository, plan: GarbagePlan, options: ApplyGarbageOptions): Promise<GarbageResult> {
  const { signal } = options
  checkShareable(repository)
  for (;;) {
    const plans = await finishEarlier(repository, options)
    const work = await workOf(repository, plan, plans, { signal })
    if (work.packs.length === 0) return nothing()
    const record = { time: repository.now(), host: hostIdentity(), packs: [...work.packs] }
    if (await createRecord(repository.backend, planKey(work.n), record, { signal })) return await carryOut(repository, work, options)
  }
}

/** Brings the newest plan to its end, whoever made it: only then there may be a next one. */
async function finishEarlier (repository: Repository, options: ApplyGarbageOptions): Promise<Plans> {
  for (;;) {
    const plans = await repository.refresh(options)
    const { newest, open, final } = plans
    if (open === undefined) {
      if (final !== undefined) await finish(repository, final, new KnownSegments(repository.backend), options)
      return plans
    }
    await carryOut(repository, { n: newest, packs: open, reasons: new Map(), only: [] }, options)
  }
}

/** What of the plan is still to be done. */
async function workOf (repository: Repository, plan: GarbagePlan, { newest, deleted }: Plans, { signal }: AbortOptions): Promise<Work> {
  const present = await packSizes(repository, { signal })
  const packs = plan.packs.filter(({ name }) => present.has(name) && !deleted.has(name))
  return { n: newest + 1, packs: packs.map(pack => pack.name), reasons: new Map(packs.map(pack => [pack.name, pack.why])), only: plan.only ?? [] }
}

async function carryOut (repository: Repository, work: Work, options: ApplyGarbageOptions): Promise<GarbageResult> {
  const { backend } = repository
  const { signal, pollMs, onWait } = options
  await waitForSessions(backend, { now: () => repository.now(), signal, ...(pollMs && { pollMs }), ...(onWait && { onWait }) })
  const { deleted } = await repository.refresh({ signal })
  const sizes = await packSizes(repository, { signal })
  const marked = await markNeeded(repository, options.mark, { signal, ...(options.marked && { marked: options.marked }) })
  const segments = new KnownSegments(backend)
  const superfluous = await superfluousSegments(segments, deleted, { signal })
  const { empty, copiedBytes } = await new Evacuator(repository, work.packs, {
    marked, deleted, segments, signal, removed: new Set(work.only), sparable: sparable(work), maxWaste: options.maxWaste ?? MAX_WASTE,
  }).run()
  const final = await agree(repository, work.n, { time: repository.now(), delete: [...empty], segments: superfluous })
  await finish(repository, final, segments, options)
  const freedBytes = final.delete.reduce((sum, name) => sum + (sizes.get(name) ?? 0), -copiedBytes)
  const removed = (): AsyncIterable<Address> => goneWith(repository, new Set(final.delete), segments)
  return { packs: final.delete, freedBytes, removedBlobs: await count(removed()), removed }
}

/** Packs that are not worth copying if most of them turns out to be needed. */
function sparable ({ packs, reasons }: Work): Set<string> {
  return new Set(packs.filter(name => !['wasteful', 'small'].includes(reasons.get(name) ?? '')))
}

/** Puts the final, or takes that of a process that was quicker: there is one for all. */
async function agree (repository: Repository, n: number, final: FinalRecord): Promise<FinalRecord> {
  const { time, delete: packs, segments = [] } = final
  if (await createRecord(repository.backend, finalKey(n), { time, delete: packs, segments })) return final
  const other = await readRecord(repository.backend, finalKey(n), FinalRecord)
  if (other === undefined) throw corrupt(finalKey(n), 'it has vanished')
  return other
}

/** Does what a final says. Doing it again, or at the same time elsewhere, changes nothing more. */
async function finish (repository: Repository, final: FinalRecord, segments: KnownSegments, { signal }: AbortOptions): Promise<void> {
  const { backend } = repository
  const present = await packSizes(repository, { signal })
  const listed = new Set(await listSegments(backend, { signal }))
  const { deleted } = await repository.refresh({ signal })
  const packs = [...present.keys()].filter(name => deleted.has(name))
  const old = (final.segments ?? []).filter(name => listed.has(name))
  if (packs.length === 0 && old.length === 0) return
  await renewSegments(segments, deleted, () => repository.newName(), { signal })
  for (const name of old) await backend.delete(segmentKey(name), { signal })
  for (const name of packs) await backend.delete(packKey(name), { signal })
  await repository.refresh({ signal })
}

async function packSizes (repository: Repository, options: AbortOptions): Promise<Map<string, number>> {
  const sizes = new Map<string, number>()
  for await (const { key, sizeBytes } of repository.backend.list(PACK_PREFIX, options)) {
    const name = packNameOf(key)
    if (name !== undefined) sizes.set(name, sizeBytes)
  }
  return sizes
}

/** Blobs of those packs that no other pack has; the segments that listed them are still there. */
async function * goneWith ({ index }: Repository, packs: ReadonlySet<string>, segments: KnownSegments): AsyncGenerator<Address> {
  const seen = new AddressSet()
  for await (const { name, blobs } of segments.livePacks(new Set())) {
    if (!packs.has(name)) continue
    for (const { address } of blobs) if (index.find(address).length === 0 && seen.add(address)) yield address
  }
}

function nothing (): GarbageResult {
  return { packs: [], freedBytes: 0, removedBlobs: 0, async * removed () {} }
}
