import type { Act } from './contender.ts'
import type { Cost } from './measured-process.ts'

/** One act, done once. */
export interface Measurement extends Cost {
  readonly act: Act
  readonly contender: string
  /** CPU time of the PostgreSQL server meanwhile, in ms. */
  readonly serverCpuMs?: number
  /** Pages that the PostgreSQL server looked at, in bytes. */
  readonly serverReadBytes?: number
  /** What the PostgreSQL server sent, in bytes. */
  readonly sentBytes?: number
  /** What was gone through, rows as COPY text or files, where all of it was. */
  readonly throughBytes?: number
  /** By how much the repository grew; negative when space was freed. For an archive, its length. */
  readonly addedBytes: number
}

export type Result = Measurement & { readonly rounds: number }

/** The median over the rounds of each act of each contender, in the order in which they were first measured. */
export function medians (measurements: readonly Measurement[]): Result[] {
  const groups = Map.groupBy(measurements, ({ act, contender }) => `${act} ${contender}`)
  return [...groups.values()].map(group => {
    const of = (member: (measurement: Measurement) => number | undefined): number | undefined => median(group.map(member).filter(value => value !== undefined))
    const optional = { serverCpuMs: of(one => one.serverCpuMs), serverReadBytes: of(one => one.serverReadBytes), sentBytes: of(one => one.sentBytes), throughBytes: of(one => one.throughBytes) }
    return {
      act: group[0]!.act, contender: group[0]!.contender, rounds: group.length,
      wallMs: of(one => one.wallMs)!, cpuMs: of(one => one.cpuMs)!, peakBytes: of(one => one.peakBytes)!, addedBytes: of(one => one.addedBytes)!,
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    }
  })
}

/** Adds what a round counted that was not timed. */
export function withCounts (results: readonly Result[], counted: readonly Measurement[]): Result[] {
  return results.map(result => {
    const { sentBytes } = counted.find(({ act, contender }) => act === result.act && contender === result.contender) ?? {}
    return sentBytes === undefined ? result : { ...result, sentBytes }
  })
}

function median (values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length === 0) return undefined
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
