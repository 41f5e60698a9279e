/** An index of so many blobs, in the folder that is given: `fill` takes in segments as they are made, `find` opens it anew and looks up. Prints its result. */
import { createHash } from 'node:crypto'
import { openIndexStore } from '../../../src/cas/open-index-store.ts'
import type { PackListing } from '../../../src/cas/pack-format.ts'
import { encodeSegment, SEGMENT_BLOBS } from '../../../src/cas/segment.ts'

const [act = 'fill', folder = '', chunks = '16384'] = process.argv.slice(2)
const PACK_BLOBS = 512
const LOOKUPS = 100_000
const address = (number: number): string => createHash('sha256').update(`blob ${number}`).digest('hex')
const opening = performance.now()
const store = await openIndexStore(folder, 'growth')
const openMs = performance.now() - opening

process.stdout.write(JSON.stringify(act === 'fill' ? await fill() : await find()))
await store.close()

async function fill (): Promise<object> {
  let segmentBytes = 0
  let ms = 0
  for (let start = 0; start < Number(chunks); start += SEGMENT_BLOBS) {
    const packs = listings(start, Math.min(start + SEGMENT_BLOBS, Number(chunks)))
    segmentBytes += encodeSegment(packs).length
    const started = performance.now()
    await store.add(`segment-${start}`, packs)
    ms += performance.now() - started
  }
  return { ms, segmentBytes }
}

/** Every 8th blob stands for a delta, as in a repository with some history. */
function listings (start: number, end: number): PackListing[] {
  const packs: PackListing[] = []
  for (let first = start; first < end; first += PACK_BLOBS) {
    const blobs = Array.from({ length: Math.min(PACK_BLOBS, end - first) }, (_, at) => {
      const number = first + at
      const blob = { address: address(number), stored: 40_000 + number % 9_000, plain: 110_000 + number % 9_000 }
      return number % 8 === 7 ? { ...blob, encoding: 2, base: address(number - 1), depth: 1 } as const : { ...blob, encoding: 1, depth: 0 } as const
    })
    packs.push({ name: createHash('md5').update(`pack ${first}`).digest('hex'), sizeBytes: 500 + blobs.reduce((sum, blob) => sum + blob.stored, 0), blobs })
  }
  return packs
}

async function find (): Promise<object> {
  const loading = performance.now()
  await store.loaded()
  const loadedMs = performance.now() - loading
  const rate = (first: number, wanted: boolean): number => {
    const names = Array.from({ length: LOOKUPS }, (_, at) => address(first + Math.imul(at, 7_919) % Number(chunks)))
    const started = performance.now()
    for (const name of names) if ((store.find(name).length > 0) !== wanted) throw new Error(`blob ${name} is ${wanted ? 'not ' : ''}there`)
    return LOOKUPS / (performance.now() - started) * 1_000
  }
  return { openMs, loadedMs, presentRate: rate(0, true), absentRate: rate(Number(chunks), false) }
}
