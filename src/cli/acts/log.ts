import { readLog } from '../../engine/open-log.ts'
import { verifyLog } from '../../engine/verify-log.ts'
import type { ActKind } from '../../trust/log/opening.ts'
import type { LogEntry } from '../../trust/log/log.ts'
import { leafHash } from '../../trust/log/merkle.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { EXIT } from '../exit-status.ts'
import { findingText } from '../finding-text.ts'
import { openingText } from '../opening-text.ts'
import { counted, printableDate } from '../printable.ts'
import type { Column } from '../text-table.ts'

export interface LogOptions extends GlobalOptions {
  readonly since?: Date
  readonly kind?: ActKind
  readonly verify?: true
}

const COLUMNS: ReadonlyArray<Column<LogEntry>> = [
  { title: 'leaf', align: 'right', cell: ({ index }) => String(index) },
  { title: 'time', cell: ({ opening }) => printableDate(opening.time) },
  { title: 'act', cell: ({ opening }) => opening.kind },
  { title: 'of what', cell: ({ opening }) => openingText(opening) },
  { title: 'operation', cell: ({ opening }) => opening.traceId },
]

export async function show (cli: Cli, { repository }: Opened, { since, kind }: LogOptions): Promise<void> {
  const log = await readLog(repository, { signal: cli.signal })
  await log?.checkpoint({ signal: cli.signal })
  const shown: LogEntry[] = []
  for await (const entry of log?.entries({ signal: cli.signal }) ?? []) {
    if (since !== undefined && new Date(entry.opening.time) < since) continue
    if (kind !== undefined && entry.opening.kind !== kind) continue
    if (cli.output.json) await cli.output.record(documentOf(entry), () => '')
    else shown.push(entry)
  }
  if (cli.output.json) return
  if (shown.length === 0) cli.output.line(log === undefined ? 'there is no log yet; the next snapshot begins one' : 'nothing')
  await cli.output.table(COLUMNS, shown)
}

function documentOf ({ index, leaf, opening }: LogEntry): Record<string, unknown> {
  return { index, leaf: hex(leaf), hash: hex(leafHash(leaf)), opening }
}

export async function verify (cli: Cli, { repository }: Opened): Promise<void> {
  let [errors, warnings] = [0, 0]
  for await (const finding of verifyLog({ repository, signal: cli.signal })) {
    if (finding.severity === 'error') errors++
    else warnings++
    await cli.output.record({ finding }, () => findingText(finding))
  }
  const log = errors > 0 ? undefined : await readLog(repository, { signal: cli.signal })
  const checkpoint = await log?.checkpoint({ signal: cli.signal })
  const document = { ok: errors === 0, errors, warnings, size: checkpoint?.size ?? null, root: checkpoint === undefined ? null : hex(checkpoint.root) }
  await cli.output.record(document, () => errors + warnings > 0
    ? `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`
    : checkpoint === undefined ? 'there is no log yet; the next snapshot begins one' : `the log is intact: ${counted(checkpoint.size, 'leaf').replace(/leafs$/, 'leaves')}, root ${hex(checkpoint.root).slice(0, 16)}`)
  if (errors > 0) cli.status = EXIT.damaged
}

function hex (bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
