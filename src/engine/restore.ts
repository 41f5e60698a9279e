import { randomUUID } from 'node:crypto'
import { BackupError } from '../errors.ts'
import type { Repository } from '../cas/repository.ts'
import type { Restorer, Source } from '../sources/source.ts'
import { hostIdentity } from '../storage/host-identity.ts'
import type { AbortOptions, Plain } from '../stream.ts'
import { forEachBounded } from './bounded.ts'
import type { RegenerationPolicy } from './contract.ts'
import type { Electorate } from './electorate.ts'
import type { BackupEmitter } from './events.ts'
import { openLedger } from './ledger.ts'
import type { OnProgress } from './progress.ts'
import type { RecipeRunner } from './recipes.ts'
import { isRunning, pendingRestores, refusePending, removeJournal, writeJournal } from './restore-journal.ts'
import type { RestoreRecord } from './restore-journal.ts'
import { DEFAULT_POLICY, itemsOf, planRestore } from './restore-plan.ts'
import type { RestorePlan } from './restore-plan.ts'
import { createSnapshot } from './snapshot.ts'
import { findView, historyOf } from './snapshot-view.ts'
import { inSpan } from './span.ts'

export interface RestoreRequest extends AbortOptions {
  /** One for each source that is restored; those whose commit can still fail come first. */
  readonly restorers: readonly Restorer[]
  readonly policy?: Partial<RegenerationPolicy> | undefined
  readonly recipes?: readonly RecipeRunner[] | undefined
  /** Sources that read what the targets hold now, for `preserveHistory`. */
  readonly history?: readonly Source[] | undefined
  /** Who is asked about the snapshot of what is replaced. @default one local validator */
  readonly electorate?: Electorate | undefined
  /** Stored in the journal, so that `--resume` can make the same restorers again; never a secret. */
  readonly request?: Plain | undefined
  /** @default 4 */
  readonly concurrency?: number | undefined
  readonly traceId?: string | undefined
  readonly events?: BackupEmitter | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface RestoreOutcome {
  readonly snapshotId: string
  readonly restored: number
  readonly skipped: number
  readonly recomputed: number
  /** Agents' outputs left out, since no target takes them. */
  readonly omitted: number
  readonly sizeBytes: number
  readonly rows: number
  readonly durationMs: number
  /** Id of the snapshot of what was replaced, with `preserveHistory`. */
  readonly preserved?: string
}

/** What {@link restoreSnapshot} would do. Changes nothing, also not in the repository. */
export async function previewRestore (repository: Repository, reference: string, request: RestoreRequest): Promise<RestorePlan> {
  return await withPlan(repository, reference, request, { heal: false }, async plan => plan)
}

/**
 * Brings a snapshot, or what the policy selects of it, back into the targets: everything is built out of sight and read back, then made visible.
 * @throws {BackupError} the first problem of the plan (`TARGET_EXISTS`, `ROLE_MISSING`, …), `NODE_INVALID`, `RESTORE_PENDING`, `TARGET_DIFFERS`, `TARGET_FAILED`
 */
export async function restoreSnapshot (repository: Repository, reference: string, request: RestoreRequest): Promise<RestoreOutcome> {
  const { traceId = randomUUID(), signal, restorers } = request
  return await inSpan('caf.restore', { 'caf.trace_id': traceId }, async span => {
    await refusePending(repository)
    const ledger = await openLedger(repository, { traceId, signal })
    const outcome = await restoreTraced(repository, reference, { ...request, traceId })
    const { snapshotId: snapshot, sizeBytes } = outcome
    span.setAttributes({ 'caf.snapshot.id': snapshot, 'caf.bytes': sizeBytes })
    await ledger?.recordDone({ kind: 'restored', snapshot, targets: restorers.map(({ name }) => name) })
    return outcome
  })
}

async function restoreTraced (repository: Repository, reference: string, request: RestoreRequest & { readonly traceId: string }): Promise<RestoreOutcome> {
  const started = performance.now()
  const { traceId, events } = request
  try {
    return await withPlan(repository, reference, request, { heal: true }, async plan => {
      refuseProblems(plan)
      const preserved = await preserve(repository, plan, request)
      await apply(repository, plan, request)
      const outcome = { ...summaryOf(plan), durationMs: Math.round(performance.now() - started), ...(preserved === undefined ? {} : { preserved }) }
      const { snapshotId, restored, skipped, recomputed, sizeBytes, durationMs } = outcome
      events?.emit('backup.snapshot.restored', { snapshotId, restored, skipped, recomputed, sizeBytes, durationMs, traceId })
      return outcome
    })
  } catch (error) {
    const code = error instanceof BackupError ? error.code : 'TARGET_FAILED'
    events?.emit('backup.validation.failed', { traceId, durationMs: Math.round(performance.now() - started), code, errors: [error instanceof Error ? error.message : String(error)] })
    throw error
  }
}

/** Undoes a restore that was cut off before anything was visible. @throws {BackupError} `RESTORE_NONE`; `RESTORE_PENDING` when it can only go forward */
export async function abortRestore (repository: Repository, restorersOf: RestorersOf): Promise<RestoreRecord> {
  const record = await pendingRestore(repository)
  if (record.stage === 'committing') {
    throw new BackupError('RESTORE_PENDING', `the restore of snapshot ${record.snapshot} had begun to become visible and cannot be undone; finish it with \`caf restore --resume\``, { data: { ...record } })
  }
  for (const restorer of await restorersOf(record)) await closing(restorer, async () => { await restorer.abort() })
  await removeJournal(repository, record.id)
  return record
}

/** Clears the way for doing a cut-off restore again: undoes its invisible part or finishes its visible one. The caller then restores with the returned record's request. */
export async function resumeRestore (repository: Repository, restorersOf: RestorersOf): Promise<RestoreRecord> {
  const record = await pendingRestore(repository)
  for (const restorer of await restorersOf(record)) {
    await closing(restorer, async () => { await (record.stage === 'committing' ? restorer.commit() : restorer.abort()) })
  }
  await removeJournal(repository, record.id)
  return record
}

export type RestorersOf = (record: RestoreRecord) => Promise<readonly Restorer[]> | readonly Restorer[]

async function pendingRestore (repository: Repository): Promise<RestoreRecord> {
  const [record] = await pendingRestores(repository)
  if (record === undefined) throw new BackupError('RESTORE_NONE', 'no restore is waiting to be finished')
  if (isRunning(record)) throw new BackupError('RESTORE_PENDING', `the restore of snapshot ${record.snapshot} is running in process ${record.pid}`, { data: { ...record } })
  return record
}

async function closing (restorer: Restorer, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } finally {
    await restorer.close()
  }
}

async function withPlan<T> (repository: Repository, reference: string, request: RestoreRequest, { heal }: { readonly heal: boolean }, act: (plan: RestorePlan) => Promise<T>): Promise<T> {
  const { restorers, recipes = [], concurrency = 4, signal, onProgress } = request
  const view = await findView(repository, reference)
  const reader = await repository.openReader({ snapshots: [view.id] })
  try {
    return await act(await planRestore(repository, view, reader, { restorers, recipes, concurrency, signal, onProgress, heal, policy: { ...DEFAULT_POLICY, ...request.policy } }))
  } finally {
    await reader.close()
    await Promise.all(restorers.map(async restorer => { await restorer.close() }))
  }
}

function refuseProblems ({ problems }: RestorePlan): void {
  const [first] = problems
  if (first === undefined) return
  throw new BackupError(first.code, problems.map(problem => problem.message).join('\n'), { data: { problems } })
}

async function preserve (repository: Repository, plan: RestorePlan, { policy, history = [], electorate, traceId, signal, onProgress, concurrency }: RestoreRequest): Promise<string | undefined> {
  const { preserveHistory } = { ...DEFAULT_POLICY, ...policy }
  if (!preserveHistory || history.length === 0 || plan.steps.every(step => step.action === 'skip')) return undefined
  const { id } = await createSnapshot(repository, {
    ...electorate, sources: history, description: `before the restore of ${plan.snapshot.id}`, tags: ['before-restore'],
    project: historyOf(plan.snapshot.project), relative: plan.snapshot, traceId, signal, onProgress, concurrency,
  })
  return id
}

async function apply (repository: Repository, plan: RestorePlan, { restorers, signal, onProgress, request = null }: RestoreRequest): Promise<void> {
  const busy = restorers.filter(restorer => itemsOf(plan.steps, restorer).length > 0)
  if (busy.length === 0) return
  const record: RestoreRecord = {
    id: randomUUID().replaceAll('-', ''), snapshot: plan.snapshot.id, stage: 'preparing', started: new Date().toISOString(), host: hostIdentity(), pid: process.pid, request,
  }
  await writeJournal(repository, record)
  try {
    let done = 0
    await forEachBounded(busy, { concurrency: busy.length, signal }, async restorer => {
      await restorer.prepare(itemsOf(plan.steps, restorer), {
        signal,
        onItem: item => { onProgress?.({ step: 'restore', item: item.id, done: done += item.sizeBytes, total: plan.sizeBytes, unit: 'bytes' }) },
      })
    })
    await writeJournal(repository, { ...record, stage: 'committing' })
  } catch (error) {
    await undo(repository, record, busy)
    throw error
  }
  await commitAll(repository, record, busy)
}

/** The first commit may still fail without effect, and then all is undone; after it the only way is forward. */
async function commitAll (repository: Repository, record: RestoreRecord, restorers: readonly Restorer[]): Promise<void> {
  for (const [index, restorer] of restorers.entries()) {
    try {
      await restorer.commit()
    } catch (error) {
      if (index === 0) await undo(repository, record, restorers)
      throw error
    }
  }
  await removeJournal(repository, record.id)
}

async function undo (repository: Repository, record: RestoreRecord, restorers: readonly Restorer[]): Promise<void> {
  const results = await Promise.allSettled(restorers.map(async restorer => { await restorer.abort() }))
  if (results.every(result => result.status === 'fulfilled')) await removeJournal(repository, record.id)
}

function summaryOf ({ snapshot, steps, omitted, rows, sizeBytes }: RestorePlan): Omit<RestoreOutcome, 'durationMs'> {
  const restored = steps.filter(step => step.action === 'restore').length
  return { snapshotId: snapshot.id, restored, skipped: steps.length - restored, recomputed: steps.filter(step => step.recomputed).length, omitted: omitted.length, rows, sizeBytes }
}
