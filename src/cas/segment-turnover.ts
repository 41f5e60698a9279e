import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { KnownSegments } from './known-segments.ts'
import type { PackListing } from './pack-format.ts'
import { SEGMENT_BLOBS, segmentRuns } from './segment.ts'
import { listSegments, writeSegment } from './segments.ts'

/** Below this a segment is worth merging with others. */
const SMALL_BLOBS = SEGMENT_BLOBS / 4
/** So many small segments are left alone. */
const SMALL_SEGMENTS = 16

interface SegmentUse {
  readonly name: string
  /** Packs it lists that still exist for readers. */
  readonly live: readonly string[]
  readonly liveBlobs: number
  readonly listsDeleted: boolean
}

/** Segments that are there now and not needed: each of their live packs stands in another one too that is not among them. */
export async function superfluousSegments (segments: KnownSegments, deleted: ReadonlySet<string>, options?: AbortOptions): Promise<string[]> {
  return (await survey(segments, deleted, options)).superfluous.map(use => use.name)
}

/**
 * Writes segments that take the place of those that list deleted packs, and of small ones. The old ones stay: a later
 * collection finds them superfluous.
 * @returns the new segments
 */
export async function renewSegments (
  segments: KnownSegments, deleted: ReadonlySet<string>, newName: () => string, options?: AbortOptions
): Promise<Map<string, readonly PackListing[]>> {
  const { needed } = await survey(segments, deleted, options)
  const small = needed.filter(use => use.liveBlobs < SMALL_BLOBS)
  const stale = needed.filter(use => use.listsDeleted)
  const written = new Map<string, readonly PackListing[]>()
  for (const group of groups(small.length > SMALL_SEGMENTS ? [...new Set([...stale, ...small])] : stale)) {
    const packs = await packsOf(segments, group, deleted, options)
    for (const run of segmentRuns(packs)) {
      const name = newName()
      await writeSegment(segments.backend, name, run, options)
      written.set(name, run)
    }
  }
  return written
}

async function survey (
  segments: KnownSegments, deleted: ReadonlySet<string>, options?: AbortOptions
): Promise<{ readonly needed: SegmentUse[], readonly superfluous: SegmentUse[] }> {
  const uses: SegmentUse[] = []
  for (const name of await listSegments(segments.backend, options)) {
    const packs = await intact(segments, name, options)
    if (packs !== undefined) uses.push(useOf(name, packs, deleted))
  }
  const covered = new Set<string>()
  const needed: SegmentUse[] = []
  const superfluous: SegmentUse[] = []
  for (const use of uses.sort(byWorth)) {
    if (use.live.every(pack => covered.has(pack))) superfluous.push(use)
    else needed.push(use)
    for (const pack of use.live) covered.add(pack)
  }
  return { needed, superfluous }
}

function useOf (name: string, packs: readonly PackListing[], deleted: ReadonlySet<string>): SegmentUse {
  const live = packs.filter(pack => !deleted.has(pack.name))
  const liveBlobs = live.reduce((sum, pack) => sum + pack.blobs.length, 0)
  return { name, live: live.map(pack => pack.name), liveBlobs, listsDeleted: live.length < packs.length }
}

/** Those to keep first: without deleted packs, then the larger. */
function byWorth (one: SegmentUse, other: SegmentUse): number {
  return Number(one.listsDeleted) - Number(other.listsDeleted) || other.liveBlobs - one.liveBlobs || (one.name < other.name ? -1 : 1)
}

/** Splits segments so that each group's packs fit into about one. */
function groups (uses: readonly SegmentUse[]): SegmentUse[][] {
  const result: SegmentUse[][] = []
  let room = 0
  for (const use of uses) {
    if (use.liveBlobs > room || result.length === 0) {
      result.push([])
      room = SEGMENT_BLOBS
    }
    result.at(-1)!.push(use)
    room -= use.liveBlobs
  }
  return result
}

/** What a segment lists; undefined if it is gone. @throws {BackupError} `INDEX_CORRUPT` */
async function intact (segments: KnownSegments, name: string, options?: AbortOptions): Promise<readonly PackListing[] | undefined> {
  const packs = await segments.read(name, options)
  if (packs instanceof BackupError) throw packs
  return packs
}

async function packsOf (segments: KnownSegments, uses: readonly SegmentUse[], deleted: ReadonlySet<string>, options?: AbortOptions): Promise<PackListing[]> {
  const packs = new Map<string, PackListing>()
  for (const { name } of uses) {
    for (const pack of await intact(segments, name, options) ?? []) if (!deleted.has(pack.name)) packs.set(pack.name, pack)
  }
  return [...packs.values()]
}
