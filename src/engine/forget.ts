import type { Repository } from '../cas/repository.ts'
import { refreshCatalogue } from './catalogue.ts'
import { planRetention } from './retention.ts'
import type { Retention, RetentionPlan } from './retention.ts'
import { findView, listViews } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

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

export type ForgetPlan = RetentionPlan<SnapshotView>

/** Says which snapshots would be forgotten, and why. @throws {BackupError} `SNAPSHOT_MISSING`, `SNAPSHOT_AMBIGUOUS`, `INVALID_OPTION` */
export async function planForget (repository: Repository, { references = [], retention, project, now = new Date() }: ForgetRequest): Promise<ForgetPlan> {
  const named = await Promise.all(references.map(async reference => await findView(repository, reference)))
  const views = await listViews(repository)
  const plan = {
    keep: [] as Array<{ snapshot: SnapshotView, reasons: readonly string[] }>,
    forget: named.map(snapshot => ({ snapshot, reasons: ['named'] as readonly string[] })),
  }
  const gone = new Set(named.map(({ id }) => id))
  for (const [name, snapshots] of Map.groupBy(views.filter(({ id }) => !gone.has(id)), view => view.project)) {
    const rules = project === undefined || project === name ? retention : undefined
    const { keep, forget } = planRetention(snapshots, rules ?? {}, { now })
    plan.keep.push(...keep)
    plan.forget.push(...forget)
  }
  return plan
}

/** Hides the plan's snapshots, durably; their bytes go with the next garbage collection. Returns their ids. */
export async function applyForget (repository: Repository, { forget }: Pick<ForgetPlan, 'forget'>): Promise<string[]> {
  for (const { snapshot } of forget) await repository.forget(snapshot.id)
  await refreshCatalogue(repository)
  return forget.map(({ snapshot }) => snapshot.id)
}
