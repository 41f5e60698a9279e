import { readFile, writeFile } from 'node:fs/promises'
import type { Result } from './results.ts'

/** What our acts may store and take of memory in `npm run bench -- --quick`. */
interface Limit {
  readonly storedMegabytes: number
  readonly peakMegabytes: number
}

export interface Limits {
  readonly scale: number
  readonly acts: Readonly<Record<string, Limit>>
}

const FILE = new URL('limits.json', import.meta.url)
const MEGABYTE = 1e6

/** Bytes hardly vary from run to run, memory does with the moments at which garbage is collected. */
const ROOM = { stored: 1.05, peak: 1.3 }
/** Each repository cuts at other places: what a few thousand changed rows take differs by so much from one to the next. */
const SLACK_MEGABYTES = 0.3
/** Qdrant makes other graphs of the same points each time, and writes one segment anew or several: 0.5 to 1.9 MB were seen. */
const MORE_SLACK: Readonly<Record<string, number>> = { 'points/day caf': 3 }

/** One sentence for each limit that is passed; also for an act that has no limit yet. Limits of another scale say nothing. */
export async function overLimits (results: readonly Result[], scale: number): Promise<string[]> {
  const text = await readFile(FILE, 'utf8').catch(() => undefined)
  if (text === undefined) return ['test/bench/limits.json is missing: --write-limits']
  const limits = JSON.parse(text) as Limits
  if (limits.scale !== scale) return [`test/bench/limits.json is for --scale ${limits.scale}`]
  return results.filter(isOurs).flatMap(result => {
    const limit = limits.acts[nameOf(result)]
    return limit === undefined ? [`${nameOf(result)} has no limit: --write-limits`] : [
      ...over(result, 'stores', result.addedBytes, limit.storedMegabytes), ...over(result, 'takes at its peak', result.peakBytes, limit.peakMegabytes),
    ]
  })
}

/** Makes what was measured the limit, with some room. */
export async function writeLimits (results: readonly Result[], scale: number): Promise<void> {
  const acts = results.filter(isOurs).map((result): [string, Limit] => [nameOf(result), {
    storedMegabytes: rounded(result.addedBytes / MEGABYTE * (result.addedBytes > 0 ? ROOM.stored : 1 / ROOM.stored) + (MORE_SLACK[nameOf(result)] ?? SLACK_MEGABYTES)),
    peakMegabytes: Math.ceil(result.peakBytes / MEGABYTE * ROOM.peak),
  }])
  await writeFile(FILE, `${JSON.stringify({ scale, acts: Object.fromEntries(acts) }, undefined, 2)}\n`)
}

function over (result: Result, verb: string, bytes: number, limit: number): string[] {
  const megabytes = bytes / MEGABYTE
  return megabytes > limit ? [`${nameOf(result)} ${verb} ${rounded(megabytes)} MB; the limit is ${limit} MB`] : []
}

const isOurs = ({ contender }: Result): boolean => contender.startsWith('caf')
const nameOf = ({ act, contender }: Result): string => `${act} ${contender}`
const rounded = (megabytes: number): number => Math.round(megabytes * 100) / 100
