import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { runTorture } from './torture.ts'
import { reportLosses, reportTable } from './report.ts'
import { Tally } from './tally.ts'

/*
 * npm run torture -- [--seed n] [--operations n] [--kills rounds] [--inputs n] [--step n] [--only part,part]
 * Prints the seed, a line as each part ends, every loss with its steps, and one table. Exits with 1 if anything was lost. Ctrl-C ends it
 * after the step at hand, with the table of what was done so far.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    operations: { type: 'string', default: '2000' },
    kills: { type: 'string', default: '200' },
    inputs: { type: 'string', default: '50000' },
    step: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})

const seed = values.seed === undefined ? randomInt(1_000_000) : whole(values.seed)
const interruption = new AbortController()
process.once('SIGINT', () => { interruption.abort() })
const tally = new Tally()
const started = performance.now()
const elapsed = (): string => `${((performance.now() - started) / 1_000).toFixed(0)} s`

process.stdout.write(`torture with --seed ${seed}\n`)
await runTorture({
  seed, tally, signal: interruption.signal, only: values.only?.split(','),
  operations: whole(values.operations), kills: whole(values.kills), inputs: whole(values.inputs), step: whole(values.step),
  onEnd: part => { process.stdout.write(`${part}: ${tally.total(part)} after ${elapsed()}\n`) },
})
process.stdout.write(reportLosses(tally))
process.stdout.write(`${reportTable(tally)}\nseed ${seed}, ${elapsed()}, Node ${process.version}${interruption.signal.aborted ? ', interrupted' : ''}\n`)
process.exitCode = tally.losses.length > 0 ? 1 : interruption.signal.aborted ? 130 : 0

function whole (text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`${text} is no whole number`)
  return number
}
