import Table from 'cli-table3'
import type { Counted, Tally } from './tally.ts'

const PARTS: ReadonlyArray<readonly [Counted, string]> = [
  ['operations', 'random operations, each checked against the model'],
  ['faults', 'faults, each at another storage call'],
  ['kills', 'processes killed'],
  ['flips', 'bits flipped, each found and named'],
  ['inputs', 'inputs to parsers'],
]

/** One table of what was done, by kind, and how many guarantees it broke. */
export function reportTable (tally: Tally): string {
  const table = new Table({ head: ['what', 'count', 'losses', 'of them'], colAligns: ['left', 'right', 'right', 'left'], colWidths: [null, null, null, 74], wordWrap: true, style: { head: [], border: [] } })
  for (const [part, name] of PARTS) {
    const kinds = tally.rows(part).map(({ kind, count }) => `${kind} ${count}`).join(', ')
    const losses = tally.losses.filter(loss => loss.part === part).length
    table.push([name, tally.total(part), losses, kinds])
  }
  table.push(['all', PARTS.reduce((sum, [part]) => sum + tally.total(part), 0), tally.losses.length, ''])
  return table.toString()
}

/** Every loss with the steps that led to it. */
export function reportLosses ({ losses }: Tally): string {
  return losses.map(({ part, message, steps }) => `LOSS in ${part}: ${message}\n${steps.map((step, i) => `  ${i}. ${step}`).join('\n')}\n`).join('\n')
}
