import { readNodes } from '../../engine/snapshot-view.ts'
import type { SnapshotView } from '../../engine/snapshot-view.ts'
import type { Cli, Opened } from '../cli.ts'
import { formatBytes } from '../byte-size.ts'
import type { Output } from '../output.ts'
import { counted, printable, printableDate } from '../printable.ts'
import { findSnapshot } from '../snapshot-reference.ts'
import { snapshotDocument, validationLines, validators } from '../snapshot-text.ts'
import type { Column } from '../text-table.ts'

interface KindSum {
  readonly kind: string
  nodes: number
  rows: number
  sizeBytes: number
}

const COLUMNS: ReadonlyArray<Column<KindSum>> = [
  { title: 'kind', cell: ({ kind }) => kind },
  { title: 'nodes', align: 'right', cell: ({ nodes }) => String(nodes) },
  { title: 'rows', align: 'right', cell: ({ rows }) => rows === 0 ? '' : String(rows) },
  { title: 'size', align: 'right', cell: ({ sizeBytes }) => formatBytes(sizeBytes) },
]

export async function show (cli: Cli, reference: string): Promise<void> {
  await cli.withRepository(async opened => {
    const view = await findSnapshot(opened, reference)
    const kinds = await sumKinds(opened, view, cli.signal)
    await cli.output.result({ ...snapshotDocument(view), kinds }, async () => { await print(cli.output, view, kinds) })
  })
}

async function sumKinds ({ repository }: Opened, view: SnapshotView, signal: AbortSignal): Promise<KindSum[]> {
  const sums = new Map<string, KindSum>()
  const reader = await repository.openReader({ snapshots: [view.id], signal })
  try {
    for await (const { node: { artifact, content } } of readNodes(view, reader)) {
      signal.throwIfAborted()
      const sum = sums.get(artifact) ?? { kind: artifact, nodes: 0, rows: 0, sizeBytes: 0 }
      sum.nodes++
      sum.rows += content.form === 'bytes' ? 0 : content.count
      sum.sizeBytes += content.size
      sums.set(artifact, sum)
    }
  } finally {
    await reader.close()
  }
  return [...sums.values()].sort((a, b) => a.kind < b.kind ? -1 : 1)
}

async function print (output: Output, view: SnapshotView, kinds: readonly KindSum[]): Promise<void> {
  const { id, root, project, timestamp, block } = view
  output.facts([
    ['snapshot', id],
    ['root', root.toString()],
    ['project', printable(project)],
    ['created', printableDate(timestamp)],
    ['description', printable(block.description)],
    ['tags', block.tags.map(printable).join(', ')],
    ['parents', block.parents.map(String).join(', ')],
    ['validated by', validators(view)],
    ...validationLines(view).map(line => ['', line] as const),
    ['trace', printable(block.traceId)],
    ['made by', printable(block.generator)],
  ])
  for (const { name, begin, end, facts, notes } of block.sources) {
    const known = Object.entries(facts).map(([fact, value]) => `${fact} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    output.line()
    output.line(`${output.strong(`source ${printable(name)}`)}  read from ${begin} to ${end}`)
    if (known.length > 0) output.line(`  ${printable(known.join(', '))}`)
    for (const note of notes) output.line(`  note: ${printable(note)}`)
  }
  output.line()
  await output.table(COLUMNS, kinds)
  const total = kinds.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  output.line(`${counted(kinds.reduce((sum, { nodes }) => sum + nodes, 0), 'node')}, ${formatBytes(total)}`)
}
