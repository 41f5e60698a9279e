import { ACTS } from './contender.ts'
import type { Act } from './contender.ts'
import type { Result } from './results.ts'

const COLOURS: Readonly<Record<string, string>> = { caf: '#1f6feb', 'caf-sealed': '#79c0ff', restic: '#d29922', borg: '#3fb950', 'pg_dump -Fd -j2': '#6e7681', 'pg_dump -Fd -j2 -Z0': '#b1bac4' }
const OTHERS = '#8b949e'

const PANELS: ReadonlyArray<{ readonly title: string, readonly value: (result: Result) => number, readonly text: (value: number) => string }> = [
  { title: 'seconds', value: ({ wallMs }) => wallMs / 1_000, text: value => value.toFixed(value < 10 ? 1 : 0) },
  { title: 'MB stored', value: ({ addedBytes }) => addedBytes / 1e6, text: value => value.toFixed(value < 10 ? 1 : 0) },
  { title: 'MB of memory', value: ({ peakBytes }) => peakBytes / 1e6, text: value => value.toFixed(0) },
]

const SHOWN: readonly Act[] = ['database/first', 'database/unchanged', 'database/day', 'database/restore', 'database/table', 'database/verify', 'files/first', 'files/unchanged', 'files/day', 'points/day']

/** Less than this does not fill a panel, in its unit: the log entry of a restore is no bar. */
const SMALLEST = 0.1

const MARGIN = 16
const LABEL = 210
const PANEL = 210
const BAR = 12
const GAP = 14
const TEXT_ROOM = 44
const CHARACTER = 6.7

/** Bars for the main acts as an SVG: for each act, seconds, bytes and memory of each contender. The longest bar of an act fills its panel. */
export function drawResults (results: readonly Result[], caption: string): string {
  const groups = SHOWN.map(act => results.filter(result => result.act === act)).filter(group => group.length > 0)
  const names = [...new Set(groups.flat().map(({ contender }) => contender))]
  let y = MARGIN + 44
  const parts: string[] = []
  for (const group of groups) {
    const rows = names.flatMap(name => group.filter(({ contender }) => contender === name))
    parts.push(text(MARGIN, y + BAR - 2, ACTS[rows[0]!.act], '#e6edf3'))
    for (const [number, panel] of PANELS.entries()) parts.push(...bars(rows, panel, LABEL + MARGIN + number * PANEL, y))
    y += rows.length * BAR + GAP
  }
  const width = MARGIN * 2 + LABEL + PANEL * PANELS.length
  const titles = PANELS.map(({ title }, number) => text(LABEL + MARGIN + number * PANEL, MARGIN + 34, title, '#8b949e'))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y + MARGIN}" viewBox="0 0 ${width} ${y + MARGIN}" role="img" aria-label="${escape(caption)}">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="11">
${[legend(names), ...titles, ...parts, text(MARGIN, y + 4, caption, '#8b949e')].join('\n')}
</g>
</svg>
`
}

function bars (rows: readonly Result[], { value, text: textOf }: (typeof PANELS)[number], x: number, y: number): string[] {
  const most = Math.max(...rows.map(value), SMALLEST)
  return rows.map((row, number) => {
    const width = Math.max(1, value(row) / most * (PANEL - TEXT_ROOM - MARGIN))
    const top = y + number * BAR
    return `<rect x="${x}" y="${top}" width="${width.toFixed(1)}" height="${BAR - 2}" fill="${colourOf(row.contender)}"/>${text(x + width + 4, top + BAR - 3, textOf(value(row)), '#e6edf3')}`
  })
}

function legend (names: readonly string[]): string {
  return names.map((name, number) => {
    const x = MARGIN + names.slice(0, number).reduce((sum, before) => sum + before.length * CHARACTER + 34, 0)
    return `<rect x="${x.toFixed(1)}" y="${MARGIN}" width="10" height="10" fill="${colourOf(name)}"/>${text(x + 16, MARGIN + 9, name, '#e6edf3')}`
  }).join('\n')
}

const colourOf = (name: string): string => COLOURS[name] ?? OTHERS

function text (x: number, y: number, words: string, colour: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" fill="${colour}">${escape(words)}</text>`
}

function escape (words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
