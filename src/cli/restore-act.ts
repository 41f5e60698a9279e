import { previewRestore, restoreSnapshot } from '../engine/restore.ts'
import type { RestoreOutcome, RestoreRequest } from '../engine/restore.ts'
import type { RestorePlan, RestoreStep } from '../engine/restore-plan.ts'
import { formatBytes } from './byte-size.ts'
import type { Cli, Opened } from './cli.ts'
import { STATUS_OF_CODE } from './exit-status.ts'
import { counted, printable, printableDuration } from './printable.ts'
import { encodeIntent, policyOf } from './restore-intent.ts'
import type { RestoreIntent } from './restore-intent.ts'
import { shortId } from './snapshot-text.ts'
import type { Column } from './text-table.ts'

export async function restore (cli: Cli, opened: Opened, reference: string, intent: RestoreIntent): Promise<RestoreOutcome> {
  const outcome = await restoreSnapshot(opened.repository, reference, await requestOf(cli, opened, intent))
  opened.progress.stop()
  return outcome
}

export async function showOutcome ({ output }: Cli, outcome: RestoreOutcome): Promise<void> {
  await output.result(outcome, () => { for (const line of outcomeLines(outcome)) output.line(line) })
}

/** Shows what a restore would do, and what speaks against it. */
export async function showPlan (cli: Cli, opened: Opened, reference: string, intent: RestoreIntent): Promise<void> {
  const plan = await previewRestore(opened.repository, reference, await requestOf(cli, opened, intent))
  opened.progress.stop()
  const [problem] = plan.problems
  if (problem !== undefined) cli.status = STATUS_OF_CODE[problem.code]
  await cli.output.result(planDocument(plan), async () => {
    await cli.output.table(COLUMNS, plan.steps)
    cli.output.line(`would bring back ${counted(plan.steps.filter(({ action }) => action === 'restore').length, 'node')}, ${counted(plan.rows, 'row')}, ${formatBytes(plan.sizeBytes)}; nothing was changed`)
    for (const { code, message } of plan.problems) cli.output.line(`in the way: ${printable(message)} [${code}]`)
  })
}

export function outcomeLines ({ snapshotId, restored, skipped, recomputed, omitted, rows, sizeBytes, durationMs, preserved }: RestoreOutcome): string[] {
  return [
    `restored ${counted(restored, 'node')} of snapshot ${shortId(snapshotId)}: ${counted(rows, 'row')}, ${formatBytes(sizeBytes)} in ${printableDuration(durationMs)}`,
    ...(skipped > 0 ? [`${counted(skipped, 'node')} were there already`] : []),
    ...(recomputed > 0 ? [`${counted(recomputed, 'node')} had lost stored bytes and were computed again`] : []),
    ...(omitted > 0 ? [`${counted(omitted, 'agent output')} left out: a program takes them back through the library`] : []),
    ...(preserved === undefined ? [] : [`what was there before is in snapshot ${shortId(preserved)}`]),
  ]
}

async function requestOf ({ signal }: Cli, { config, electorate, restorersFor, historyFor, recipes, progress }: Opened, intent: RestoreIntent): Promise<RestoreRequest> {
  return {
    restorers: await restorersFor(intent.targets),
    history: intent.preserveHistory ? await historyFor(intent.targets) : [],
    electorate: await electorate(), policy: policyOf(intent), request: encodeIntent(intent), recipes: await recipes(),
    concurrency: config.concurrency, signal, onProgress: progress.onProgress,
  }
}

const COLUMNS: ReadonlyArray<Column<RestoreStep>> = [
  { title: '', cell: ({ action }) => action },
  { title: 'rows', align: 'right', cell: ({ item }) => item.rows === 0 ? '' : String(item.rows) },
  { title: 'size', align: 'right', cell: ({ item }) => formatBytes(item.sizeBytes) },
  { title: 'id', cell: ({ item, recomputed }) => recomputed ? `${item.id} (to be computed again)` : item.id },
]

function planDocument ({ snapshot, steps, problems, rows, sizeBytes }: RestorePlan): Readonly<Record<string, unknown>> {
  return {
    dryRun: true, snapshot: snapshot.id, rows, sizeBytes, problems,
    steps: steps.map(({ item, action, recomputed }) => ({ id: item.id, kind: item.kind, action, recomputed, rows: item.rows, sizeBytes: item.sizeBytes })),
  }
}
