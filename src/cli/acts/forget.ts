import { applyForget, planForget } from '../../engine/forget.ts'
import type { ForgetPlan, ForgetRequest } from '../../engine/forget.ts'
import type { Retention } from '../../engine/retention.ts'
import { BackupError } from '../../errors.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { confirm } from '../confirm.ts'
import { counted, printable, printableDate } from '../printable.ts'
import { retentionOf } from '../retention-options.ts'
import { findSnapshot } from '../snapshot-reference.ts'
import { shortId } from '../snapshot-text.ts'
import type { Column } from '../text-table.ts'
import type { Collected } from './gc.ts'

export interface ForgetOptions extends GlobalOptions, Retention {
  readonly dryRun?: true
  readonly gc?: true
  readonly yes?: true
}

interface Verdict {
  readonly verdict: 'keep' | 'forget'
  readonly id: string
  readonly created: string
  readonly project: string
  readonly reasons: readonly string[]
}

const COLUMNS: ReadonlyArray<Column<Verdict>> = [
  { title: '', cell: ({ verdict }) => verdict },
  { title: 'id', cell: ({ id }) => shortId(id) },
  { title: 'created', cell: ({ created }) => printableDate(created) },
  { title: 'project', cell: ({ project }) => project },
  { title: 'why', cell: ({ reasons }) => printable(reasons.join(', ')) },
]

export async function forget (cli: Cli, references: readonly string[], options: ForgetOptions): Promise<void> {
  await cli.withRepository(async opened => {
    const plan = await planForget(opened.repository, await requestOf(references, options, opened))
    const snapshots = verdictsOf(plan)
    if (!cli.output.json) await cli.output.table(COLUMNS, snapshots)
    const applies = options.dryRun !== true && plan.forget.length > 0
    if (applies && options.yes !== true) await confirm(cli, `Forget ${counted(plan.forget.length, 'snapshot')} for good?`)
    const forgotten = applies ? await applyForget(opened.repository, plan) : []
    const collected = options.gc === true && options.dryRun !== true ? await collect(cli, opened) : undefined
    await cli.output.result({ dryRun: options.dryRun === true, snapshots, forgotten, ...collected && { collected: collected.document } }, () => {
      cli.output.line(applies ? `forgot ${counted(forgotten.length, 'snapshot')}; ${collected?.text ?? '`caf gc` frees the space'}` : collected?.text ?? `would forget ${counted(plan.forget.length, 'snapshot')}; nothing was changed`)
    })
  })
}

async function collect (cli: Cli, opened: Opened): Promise<Collected> {
  const { freeSpace } = await import('./gc.ts')
  return await freeSpace(cli, opened)
}

async function requestOf (references: readonly string[], options: ForgetOptions, opened: Opened): Promise<ForgetRequest> {
  if (references.length > 0) {
    if (retentionOf(options) !== undefined) throw new BackupError('INVALID_OPTION', 'name snapshots or give rules, not both')
    // Only `latest` means another one here than in the repository as a whole; a damaged snapshot can be found by its id alone.
    return { references: await Promise.all(references.map(async reference => reference === 'latest' ? (await findSnapshot(opened, reference)).id : reference)) }
  }
  const retention = retentionOf(options) ?? retentionOf(opened.config.retention)
  if (retention === undefined) throw new BackupError('INVALID_OPTION', 'nothing says what to forget: name snapshots, give a rule such as --keep-last 10, or configure `retention`')
  return { retention, ...(options.project !== undefined && { project: options.project }) }
}

function verdictsOf ({ keep, forget }: ForgetPlan): Verdict[] {
  const verdict = (word: Verdict['verdict']) => ({ snapshot, reasons }: ForgetPlan['keep'][number]): Verdict => ({ verdict: word, id: snapshot.id, created: snapshot.timestamp.toISOString(), project: snapshot.project ?? '?', reasons })
  return [...keep.map(verdict('keep')), ...forget.map(verdict('forget'))].sort((a, b) => a.created < b.created ? -1 : 1)
}
