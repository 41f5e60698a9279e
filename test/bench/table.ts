import { ACTS } from './contender.ts'
import type { Act } from './contender.ts'
import type { Result } from './results.ts'

const HEADER = ['', 'seconds', '× caf', 'MB/s', 'CPU s', 'server CPU s', 'peak MB', 'stored MB', '× caf', 'server read MB']

/** The results as Markdown: a table for each act. `× caf` is how many times as much as ours it takes: under 1 is where we lose. */
export function markdownTables (results: readonly Result[]): string {
  return (Object.keys(ACTS) as Act[]).flatMap(act => {
    const rows = results.filter(result => result.act === act)
    return rows.length === 0 ? [] : [`### ${ACTS[act]}\n${markdownTable(rows)}\n`]
  }).join('\n')
}

function markdownTable (results: readonly Result[]): string {
  const ours = results.find(({ contender }) => contender === 'caf')
  const sorted = results.toSorted((a, b) => placeOf(a) - placeOf(b))
  const lines = [HEADER, HEADER.map((_, column) => column === 0 ? '---' : '---:'), ...sorted.map(result => rowOf(result, ours))]
  const widths = HEADER.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  return lines.map(line => `| ${line.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join(' | ')} |`).join('\n')
}

const ORDER = ['caf', 'caf-sealed', 'restic', 'borg']

function placeOf ({ contender }: Result): number {
  const place = ORDER.indexOf(contender)
  return place === -1 ? ORDER.length : place
}

function rowOf (result: Result, ours: Result | undefined): string[] {
  const ratio = (value: number, our: number | undefined): string => our === undefined || our <= 0 || value < 0 || result === ours ? '' : (value / our).toFixed(2)
  return [
    result.contender, seconds(result.wallMs), ratio(result.wallMs, ours?.wallMs), result.throughBytes === undefined ? '' : (result.throughBytes / result.wallMs / 1_000).toFixed(0), seconds(result.cpuMs), result.serverCpuMs === undefined ? '' : seconds(result.serverCpuMs),
    megabytes(result.peakBytes, 0), megabytes(result.addedBytes, 2), ratio(result.addedBytes, ours?.addedBytes), result.serverReadBytes === undefined ? '' : megabytes(result.serverReadBytes, 0),
  ]
}

function seconds (ms: number): string {
  return (ms / 1_000).toFixed(2)
}

function megabytes (bytes: number, digits: number): string {
  return (bytes / 1e6).toFixed(digits)
}
