import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeBed } from './bed.ts'
import { runBench } from './bench.ts'
import { caf } from './caf.ts'
import { ACTS } from './contender.ts'
import { document, machine } from './document.ts'
import { overLimits, writeLimits } from './limits.ts'
import { findPeers } from './peers.ts'
import { drawResults } from './picture.ts'
import { medians, withCounts } from './results.ts'
import type { Measurement } from './results.ts'
import { markdownTables, targetsTable } from './table.ts'

/*
 * npm run bench -- [--rounds n] [--scale share] [--write] | --quick [--write-limits]
 *   [--only start,database,files,points] [--contenders caf,restic,…] [--profiles folder]
 * Prints each measurement as it ends, then the tables, and how far the targets are met. --write makes docs/benchmarks.md and docs/benchmarks.svg of them. --quick is one
 * round at a tenth of the size, without pg_dump and with fewer acts of the others; it exits with 1 when what we store or our memory passes a limit in limits.json, which --write-limits makes anew.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: 'start,database,files,points' },
    contenders: { type: 'string' },
    profiles: { type: 'string' },
    write: { type: 'boolean', default: false },
    'write-limits': { type: 'boolean', default: false },
  },
})

const { quick } = values
const [scale, rounds] = quick ? [0.1, 1] : [positive(values.scale), Math.ceil(positive(values.rounds))]
const peers = findPeers()
const profiles = values.profiles === undefined ? undefined : resolve(values.profiles)
const chosen = values.contenders?.split(',')
const contenders = [caf({ sealed: false, profiles }), caf({ sealed: true, profiles }), ...peers.present.filter(({ name }) => !quick || !name.startsWith('pg_dump'))]
  .filter(({ name }) => chosen?.includes(name) ?? true)
const versions = [...new Set(contenders.map(({ version }) => version)), 'PostgreSQL 15']
const measurements: Measurement[] = []
const counted: Measurement[] = []
const interruption = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => { interruption.abort(new Error(`ended by ${name}`)) })
const started = performance.now()

process.stdout.write(`${versions.join('; ')}\n${machine()}\nscale ${scale}, ${rounds} round${rounds === 1 ? '' : 's'}\n${peers.absent.map(line => `${line}\n`).join('')}`)
await using bed = await makeBed(scale, { signal: interruption.signal })
if (bed.qdrant !== undefined) versions.push(`Qdrant ${bed.qdrant.version}`)
process.stdout.write(`built after ${elapsed()}\n`)
await runBench(bed, {
  scale, rounds, quick, contenders, only: values.only.split(','),
  onMeasured: measurement => {
    measurements.push(measurement)
    const { act, contender, wallMs, peakBytes, addedBytes } = measurement
    process.stdout.write(`${ACTS[act]}, ${contender}: ${(wallMs / 1_000).toFixed(2)} s, ${(peakBytes / 1e6).toFixed(0)} MB resident, ${(addedBytes / 1e6).toFixed(2)} MB stored\n`)
  },
  onCounted: measurement => { counted.push(measurement) },
})

const results = withCounts(medians(measurements), counted)
const tables = { targets: targetsTable(results), acts: markdownTables(results) }
const date = new Date()
process.stdout.write(`\n${tables.acts}\n${tables.targets}\n\n${elapsed()}\n`)
if (values.write) {
  await writeFile(new URL('../../docs/benchmarks.md', import.meta.url), document(tables, { scale, rounds, date, versions, absent: peers.absent }))
  const caption = `${scale === 1 ? '' : `${scale} of the full size, `}medians of ${rounds}, ${date.toISOString().slice(0, 10)}; shorter is better`
  await writeFile(new URL('../../docs/benchmarks.svg', import.meta.url), drawResults(results, caption))
}
if (values['write-limits']) await writeLimits(results, scale)
if (quick) {
  const findings = await overLimits(results, scale)
  process.stdout.write(findings.map(line => `over the limit: ${line}\n`).join(''))
  if (findings.length > 0) process.exitCode = 1
}

function positive (text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new RangeError(`${text} is not a number above 0`)
  return number
}

function elapsed (): string {
  return `${((performance.now() - started) / 1_000).toFixed(0)} s`
}
