import { styleText } from 'node:util'
import { SingleBar } from 'cli-progress'

/** How the demo speaks: a line a step and a bar while it runs on a terminal, plain lines in a pipe, one JSON object a line with `--json`. */
export interface Report {
  /** Runs a step and says how long it took and what `say` returns of its result. */
  step<T>(title: string, act: (tick: Tick) => Promise<T>, say?: (result: T) => readonly string[]): Promise<T>
  /** A heading and lines at the end. */
  summary(title: string, facts: ReadonlyArray<readonly [name: string, value: string]>): void
}

/** `done` of `total` of a long step; `total` may be unknown. */
export type Tick = (done: number, total?: number) => void

export interface ReportOptions {
  readonly json: boolean
  readonly stream: NodeJS.WriteStream
}

export function createReport ({ json, stream }: ReportOptions): Report {
  return json ? jsonReport(stream) : textReport(stream)
}

function textReport (stream: NodeJS.WriteStream): Report {
  let number = 0
  const paint = (format: Parameters<typeof styleText>[0], text: string): string => styleText(format, text, { stream })
  return {
    async step (title, act, say = () => []) {
      const start = performance.now()
      const label = `${String(++number).padStart(2)}. ${title}`
      const bar = stream.isTTY ? progressBar(label, stream) : undefined
      try {
        const result = await act((done, total) => { bar?.tick(done, total) })
        bar?.stop()
        stream.write(`${paint('green', '✓')} ${label} ${paint('dim', `(${seconds(performance.now() - start)})`)}\n`)
        for (const line of say(result)) stream.write(`      ${line}\n`)
        return result
      } catch (error) {
        bar?.stop()
        stream.write(`${paint('red', '✗')} ${label}\n`)
        throw error
      }
    },
    summary (title, facts) {
      const width = Math.max(...facts.map(([name]) => name.length))
      stream.write(`\n${paint('bold', title)}\n`)
      for (const [name, value] of facts) stream.write(`  ${name.padEnd(width)}  ${value}\n`)
    },
  }
}

function jsonReport (stream: NodeJS.WriteStream): Report {
  const line = (value: unknown): void => { stream.write(`${JSON.stringify(value)}\n`) }
  return {
    async step (title, act, say = () => []) {
      const start = performance.now()
      line({ event: 'step.begin', title })
      const result = await act(() => undefined)
      line({ event: 'step.end', title, ms: Math.round(performance.now() - start), notes: say(result) })
      return result
    },
    summary (title, facts) { line({ event: 'summary', title, facts: Object.fromEntries(facts) }) },
  }
}

function progressBar (label: string, stream: NodeJS.WriteStream): { tick: Tick, stop: () => void } {
  const bar = new SingleBar({ format: `  ${label} [{bar}] {percentage}%`, stream, hideCursor: true, clearOnComplete: true, barsize: 24 })
  bar.start(1, 0)
  return {
    tick: (done, total) => {
      if (total !== undefined) bar.setTotal(Math.max(total, 1))
      bar.update(total === undefined ? 0 : Math.min(done, total))
    },
    stop: () => { bar.stop() },
  }
}

export function seconds (ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

export function bytes (count: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3))
  return `${(count / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power] ?? ''}`
}
