import type { OnProgress, Progress } from '../engine/progress.ts'
import { formatBytes } from './byte-size.ts'
import type { Output } from './output.ts'
import { printable } from './printable.ts'

/** How progress is shown: `auto` as a bar when stderr is a terminal, `none`, `json` as lines on stdout. */
export const PROGRESS_MODES = ['auto', 'none', 'json'] as const
export type ProgressMode = (typeof PROGRESS_MODES)[number]

export interface ProgressDisplay {
  readonly onProgress: OnProgress
  /** Takes the bar away, until there is more progress. Safe to call twice. */
  stop(): void
}

const BAR_CELLS = 24

export async function progressDisplay (stderr: NodeJS.WriteStream, { mode, output }: { readonly mode: ProgressMode, readonly output: Output }): Promise<ProgressDisplay> {
  if (mode === 'json') return { onProgress: progress => { void output.record({ progress }, () => '') }, stop: () => {} }
  return mode === 'auto' && stderr.isTTY ? await terminalBar(stderr) : { onProgress: () => {}, stop: () => {} }
}

async function terminalBar (stderr: NodeJS.WriteStream): Promise<ProgressDisplay> {
  const { SingleBar } = await import('cli-progress')
  const bar = new SingleBar({ stream: stderr, clearOnComplete: true, gracefulExit: false, fps: 8, format: (_options, _params, payload: { progress?: Progress }) => lineOf(payload.progress, stderr.columns) })
  let started = false
  return {
    onProgress: progress => {
      if (!started) bar.start(1, 0, { progress })
      started = true
      bar.update(0, { progress })
    },
    stop: () => {
      if (started) bar.stop()
      started = false
    },
  }
}

/** `restore  ████████░░░░  61%  1.2 GiB of 2.0 GiB  postgres/rows/public.facts`, cut to the width of the terminal. */
export function lineOf (progress: Progress | undefined, columns = 80): string {
  if (progress === undefined) return ''
  const { step, item = '', done, total, unit } = progress
  const amount = (value: number): string => unit === 'bytes' ? formatBytes(value) : String(value)
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total)
  const filled = Math.round((share ?? 0) * BAR_CELLS)
  const parts = [
    step,
    ...(share === undefined ? [] : [`${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}`, `${Math.floor(share * 100)}%`.padStart(4)]),
    total === undefined ? amount(done) : `${amount(done)} of ${amount(total)}`,
    printable(item),
  ]
  return parts.join('  ').trimEnd().slice(0, columns - 1)
}
