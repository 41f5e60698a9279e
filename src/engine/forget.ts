import { randomUUID } from 'node:crypto'
import type { Repository } from '../cas/repository.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Act } from '../trust/log/opening.ts'
import { refreshCatalogue } from './catalogue.ts'
import { openLedger } from './ledger.ts'
import { planRetention } from './retention.ts'
import type { Retention, RetentionPlan } from './retention.ts'
import { findView, readViews } from './snapshot-view.ts'
import type { SnapshotView, SnapshotViews } from './snapshot-view.ts'

export interface ForgetRequest {
  /** Snapshots to forget by name, whatever the retention says. */
  readonly references?: readonly string[]
  /** Rules applied to each project on its own. */
  readonly retention?: Retention
  /** Applies the retention to this project alone. */
  readonly project?: string
  /** @default the system's clock */
  readonly now?: Date
}

/** A snapshot as far as forgetting it needs to know it: its root block may be lost. */
export interface ForgettableSnapshot extends Pick<SnapshotView, 'id' | 'timestamp'> {
  /** Undefined when only the lost block could tell. */
  readonly project: string | undefined
}

export type ForgetPlan = RetentionPlan<ForgettableSnapshot>

type Verdict = ForgetPlan['forget'][number]

/**
 * Says which snapshots would be forgotten, and why. Those that are damaged are forgotten by their ids alone, never by a rule.
 * @throws {BackupError} `SNAPSHOT_MISSING`, `SNAPSHOT_AMBIGUOUS`, `INVALID_OPTION`
 */
export async function planForget (repository: Repository, { references = [], retention, project, now = new Date() }: ForgetRequest): Promise<ForgetPlan> {
  const snapshots = await readViews(repository)
  const named = await Promise.all(references.map(async reference => damagedNamed(snapshots, reference) ?? { snapshot: await findView(repository, reference), reasons: ['named'] }))
  const plan = { keep: [] as Verdict[], forget: named }
  const gone = new Set(named.map(({ snapshot }) => snapshot.id))
  plan.keep.push(...damagedOnes(snapshots).filter(({ snapshot }) => !gone.has(snapshot.id)))
  for (const [name, views] of Map.groupBy(snapshots.views.filter(({ id }) => !gone.has(id)), view => view.project)) {
    const rules = project === undefined || project === name ? retention : undefined
    const { keep, forget } = planRetention(views, rules ?? {}, { now })
    plan.keep.push(...keep)
    plan.forget.push(...forget)
  }
  return plan
}

export interface ApplyForgetOptions extends AbortOptions {
  /** @default a random UUID */
  readonly traceId?: string | undefined
}

/**
 * Hides the plan's snapshots, durably; their bytes go with the next garbage collection. Returns their ids. What the log says is
 * forgotten will be: if this is cut off after its leaves are written, the next operation finishes it.
 */
export async function applyForget (repository: Repository, { forget }: Pick<ForgetPlan, 'forget'>, { traceId = randomUUID(), signal }: ApplyForgetOptions = {}): Promise<string[]> {
  const ledger = await openLedger(repository, { traceId, signal })
  await ledger?.closeOpen({ signal })
  if (forget.length > 0) await ledger?.record(forget.map(({ snapshot }): Act => ({ kind: 'forgotten', snapshot: snapshot.id })), { signal })
  for (const { snapshot } of forget) await repository.forget(snapshot.id)
  await refreshCatalogue(repository)
  return forget.map(({ snapshot }) => snapshot.id)
}

function damagedOnes ({ broken, unknown }: SnapshotViews): Verdict[] {
  return [
    ...broken.map(({ id, project, timestamp, error }) => ({ snapshot: { id, project, timestamp }, reasons: [`damaged: ${error.message}`] })),
    ...unknown.map(({ id, error }) => ({ snapshot: { id, project: undefined, timestamp: new Date(0) }, reasons: [`damaged: ${error.message}`] })),
  ]
}

/** The damaged snapshot whose id is, or begins with, `reference`. @throws {BackupError} `SNAPSHOT_AMBIGUOUS` */
function damagedNamed (snapshots: SnapshotViews, reference: string): Verdict | undefined {
  const fits = ({ id }: { readonly id: string }): boolean => reference.length >= 4 && id.startsWith(reference)
  const found = damagedOnes(snapshots).filter(({ snapshot }) => fits(snapshot))
  const ids = [...found.map(({ snapshot }) => snapshot.id), ...snapshots.views.filter(fits).map(({ id }) => id)]
  if (found.length > 0 && ids.length > 1) throw new BackupError('SNAPSHOT_AMBIGUOUS', `${reference} is the beginning of ${ids.length} snapshot ids; give more of it`, { data: { reference, ids } })
  return found[0] && { snapshot: found[0].snapshot, reasons: ['named', ...found[0].reasons] }
}
