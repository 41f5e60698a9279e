import { ACTS } from './contender.ts'
import type { Act } from './contender.ts'
import type { Result } from './results.ts'

/** What the project set itself. */
export interface Target {
  readonly work: string
  readonly wanted: string
  /** What is compared; undefined when it was not measured, or has no peer here. */
  value(results: readonly Result[], ours: string): number | undefined
  isMet(value: number): boolean
  text(value: number): string
}

type Quantity = (result: Result) => number

const seconds: Quantity = ({ wallMs }) => wallMs / 1_000
const stored: Quantity = ({ addedBytes }) => addedBytes

const isOurs = ({ contender }: Result): boolean => contender.startsWith('caf')

export function resultOf (results: readonly Result[], act: Act, contender: string): Result | undefined {
  return results.find(result => result.act === act && result.contender === contender)
}

/** Writing a dump without compression is no way to keep snapshots; it is there because nothing is restored as fast. */
const isOnlyForRestores = ({ act, contender }: Result): boolean => contender.includes('-Z0') && act !== 'database/restore' && act !== 'database/table'

/** The least of all others that do the same. */
export function bestPeer (results: readonly Result[], act: Act, quantity: Quantity, isPeer: (result: Result) => boolean = () => true): Result | undefined {
  const peers = results.filter(result => result.act === act && !isOurs(result) && !isOnlyForRestores(result) && isPeer(result))
  return peers.toSorted((a, b) => quantity(a) - quantity(b))[0]
}

function againstPeer (act: Act, quantity: Quantity, limit: number, wanted: string, isPeer?: (result: Result) => boolean): Target {
  return {
    work: ACTS[act],
    wanted,
    value (results, ours) {
      const [own, peer] = [resultOf(results, act, ours), bestPeer(results, act, quantity, isPeer)]
      return own === undefined || peer === undefined ? undefined : quantity(own) / quantity(peer)
    },
    isMet: value => value <= limit,
    text: value => value.toFixed(quantity === stored ? 3 : 2),
  }
}

function time (act: Act, limit: number, peers = 'the best peer', isPeer?: (result: Result) => boolean): Target {
  return againstPeer(act, seconds, limit, `time ≤ ${limit.toFixed(2)} of ${peers}`, isPeer)
}

function bytes (act: Act, limit: number): Target {
  return againstPeer(act, stored, limit, `stored ≤ ${limit.toFixed(2)} of the least that a peer stores`, ({ contender }) => !contender.startsWith('pg_dump'))
}

function alone (act: Act, wanted: string, quantity: (result: Result) => number | undefined, unit: string, isMet: (value: number) => boolean): Target {
  return {
    work: ACTS[act],
    wanted,
    value (results, ours) {
      const own = resultOf(results, act, ours)
      return own === undefined ? undefined : quantity(own)
    },
    isMet,
    text: value => `${value >= 100 ? value.toFixed(0) : value.toFixed(2)}${unit}`,
  }
}

const megabytes: Quantity = ({ addedBytes }) => addedBytes / 1e6
const isDump = ({ contender }: Result): boolean => contender.startsWith('pg_dump')

export const TARGETS: readonly Target[] = [
  time('database/first', 0.7),
  bytes('database/first', 1.05),
  time('database/unchanged', 0.25),
  alone('database/unchanged', 'stored ≤ 0.1 MB', megabytes, ' MB', value => value <= 0.1),
  time('database/day', 0.3),
  bytes('database/day', 0.04),
  alone('database/day', 'sent by the server ≤ 0.10 of the rows', ({ sentBytes, throughBytes }) => sentBytes === undefined || throughBytes === undefined ? undefined : sentBytes / throughBytes, '', value => value <= 0.1),
  time('database/restore', 0.75),
  time('database/table', 1, '`pg_restore -t`', isDump),
  time('database/verify', 0.9),
  alone('database/export', '≥ 200 MB/s', ({ throughBytes, wallMs }) => throughBytes === undefined ? undefined : throughBytes / wallMs / 1_000, ' MB/s', value => value >= 200),
  time('files/first', 0.9),
  bytes('files/first', 1),
  time('files/unchanged', 1),
  time('files/day', 1),
  bytes('files/day', 1),
  time('files/collect', 1, 'restic', ({ contender }) => contender === 'restic'),
  {
    work: ACTS['points/day'],
    wanted: 'stored ≤ 0.40 of the first snapshot',
    value (results, ours) {
      const [first, day] = [resultOf(results, 'points/first', ours), resultOf(results, 'points/day', ours)]
      return first === undefined || day === undefined ? undefined : day.addedBytes / first.addedBytes
    },
    isMet: value => value <= 0.4,
    text: value => value.toFixed(3),
  },
  alone('list', '≤ 250 ms', ({ wallMs }) => wallMs, ' ms', value => value <= 250),
  {
    work: 'All of these',
    wanted: 'peak resident memory ≤ 250 MB',
    value: (results, ours) => results.reduce<number | undefined>((most, { contender, peakBytes }) => contender === ours ? Math.max(most ?? 0, peakBytes / 1e6) : most, undefined),
    isMet: value => value <= 250,
    text: value => `${value.toFixed(0)} MB`,
  },
]
