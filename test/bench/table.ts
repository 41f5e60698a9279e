import { ACTS } from './contender.ts'
import type { Act } from './contender.ts'
import type { Result } from './results.ts'
import { bestPeer, TARGETS } from './targets.ts'

const HEADER = ['', 'seconds', '× best peer', 'MB/s', 'CPU s', 'server CPU s', 'peak MB', 'stored MB', '× best peer', 'server read MB', 'server sent MB']

/** The results as Markdown: a table for each act. `× best peer` is how many times as much as the best of the others it takes. */
export function markdownTables (results: readonly Result[]): string {
  return (Object.keys(ACTS) as Act[]).flatMap(act => {
    const rows = results.filter(result => result.act === act)
    return rows.length === 0 ? [] : [`### ${ACTS[act]}\n${actTable(rows, act)}\n`]
  }).join('\n')
}

const MARKS = { met: 'met', missed: '**missed**', unknown: '' } as const

/** What we set ourselves, and how far we are. */
export function targetsTable (results: readonly Result[]): string {
  const ours = ['caf', 'caf-sealed'].filter(name => results.some(({ contender }) => contender === name))
  const lines = TARGETS.map(target => [target.work, target.wanted, ...ours.flatMap(name => {
    const value = target.value(results, name)
    return value === undefined ? ['', MARKS.unknown] : [target.text(value), target.isMet(value) ? MARKS.met : MARKS.missed]
  })])
  return markdownTable(['', 'target', ...ours.flatMap(name => [name, ''])], lines, { textColumns: 2 })
}

function actTable (results: readonly Result[], act: Act): string {
  const best = { wall: bestPeer(results, act, ({ wallMs }) => wallMs)?.wallMs, stored: bestPeer(results, act, ({ addedBytes }) => addedBytes)?.addedBytes }
  const rows = results.toSorted((a, b) => placeOf(a) - placeOf(b)).map(result => rowOf(result, best))
  const used = HEADER.map((_, column) => column === 0 || rows.some(row => row[column] !== ''))
  return markdownTable(HEADER.filter((_, column) => used[column]), rows.map(row => row.filter((_, column) => used[column])), { textColumns: 1 })
}

/** Aligned also as plain text. The columns after the first `textColumns` are numbers. */
export function markdownTable (header: readonly string[], rows: ReadonlyArray<readonly string[]>, { textColumns }: { readonly textColumns: number }): string {
  const lines = [header, header.map((_, column) => column < textColumns ? '---' : '---:'), ...rows]
  const widths = header.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  return lines.map(line => `| ${line.map((cell, column) => column < textColumns ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join(' | ')} |`).join('\n')
}

const ORDER = ['caf', 'caf-sealed', 'restic', 'borg']

function placeOf ({ contender }: Result): number {
  const place = ORDER.indexOf(contender)
  return place === -1 ? ORDER.length : place
}

function rowOf (result: Result, best: { readonly wall: number | undefined, readonly stored: number | undefined }): string[] {
  const { wallMs, cpuMs, serverCpuMs, peakBytes, addedBytes, throughBytes, serverReadBytes, sentBytes } = result
  const ratio = (value: number, peer: number | undefined): string => peer === undefined || peer <= 0 || value < 0 ? '' : (value / peer).toFixed(value / peer < 0.1 ? 3 : 2)
  const optional = (value: number | undefined, text: (value: number) => string): string => value === undefined ? '' : text(value)
  return [
    result.contender, seconds(wallMs), ratio(wallMs, best.wall), optional(throughBytes, bytes => (bytes / wallMs / 1_000).toFixed(0)), seconds(cpuMs), optional(serverCpuMs, seconds),
    megabytes(peakBytes, 0), megabytes(addedBytes, 2), ratio(addedBytes, best.stored), optional(serverReadBytes, bytes => megabytes(bytes, 0)), optional(sentBytes, bytes => megabytes(bytes, 2)),
  ]
}

function seconds (ms: number): string {
  return (ms / 1_000).toFixed(2)
}

function megabytes (bytes: number, digits: number): string {
  return (bytes / 1e6).toFixed(digits)
}
