import type { Address } from '../../src/cas/blob-store.ts'
import { FORGOTTEN_PREFIX, FINAL_SUFFIX, OPENING_PREFIX, OUTCOME_PREFIX, PACK_PREFIX, PLAN_PREFIX, SEGMENT_PREFIX, SESSION_PREFIX, packNameOf } from '../../src/cas/layout.ts'
import { HEAD_BYTES, TRAILER_BYTES } from '../../src/cas/pack-format.ts'
import { readListing } from '../../src/cas/pack-reader.ts'
import { CHECKPOINT_PREFIX, ENTRY_PREFIX, NEWEST_CHECKPOINT_KEY, TILE_PREFIX } from '../../src/trust/log/log-layout.ts'
import { archiveSubjects } from './archive-subject.ts'
import { LOG_KEY, damageableKeys, detect, readsNothingWrong } from './detection.ts'
import type { FlipFixture } from './flip-fixture.ts'
import { demand } from './violation.ts'
import type { World } from './world.ts'

/** Bytes of one meaning. */
export interface Part {
  readonly name: string
  readonly start: number
  /** After the last byte. */
  readonly end: number
  /** Only so many of its bytes are tried, else every one. */
  readonly sample?: number
  /** The blob that they are, which must then be named too. */
  readonly address?: Address
}

/** Something stored that can be damaged. */
export interface Subject {
  /** Key or path, for messages. */
  readonly name: string
  readonly bytes: Uint8Array
  readonly parts: readonly Part[]
  /** Puts `damaged` in its place, demands that this is found and named and never read as if it were right, and puts it back. @throws {Violation} */
  suffer(damaged: Uint8Array, part: Part): Promise<void>
}

/** A row of the table below. Whoever adds something stored adds it here: where it is, of which parts it consists, who finds damage. */
export interface Structure {
  readonly name: string
  subjects(fixture: FlipFixture): AsyncIterable<Subject>
}

const BLOB_SAMPLE = 8
const SEALED_END = 150
const SEALED_SAMPLE = 60

export const STRUCTURES: readonly Structure[] = [
  { name: 'pack', subjects: packSubjects },
  { name: 'index segment', subjects: ({ world }) => objects(world, SEGMENT_PREFIX, segmentParts) },
  { name: 'config', subjects: ({ world }) => objects(world, 'config.json', allOf) },
  { name: 'session', subjects: ({ world }) => objects(world, SESSION_PREFIX, allOf) },
  { name: 'outcome', subjects: ({ world }) => objects(world, OUTCOME_PREFIX, allOf) },
  { name: 'forgotten', subjects: ({ world }) => objects(world, FORGOTTEN_PREFIX, allOf) },
  { name: 'plan', subjects: ({ world }) => objects(world, PLAN_PREFIX, allOf, key => !key.endsWith(FINAL_SUFFIX)) },
  { name: 'final', subjects: ({ world }) => objects(world, PLAN_PREFIX, allOf, key => key.endsWith(FINAL_SUFFIX)) },
  { name: 'log key', subjects: ({ world }) => objects(world, LOG_KEY, allOf) },
  { name: 'log entry', subjects: ({ world }) => objects(world, ENTRY_PREFIX, allOf) },
  { name: 'log tile', subjects: ({ world }) => objects(world, TILE_PREFIX, allOf) },
  { name: 'checkpoint', subjects: ({ world }) => objects(world, CHECKPOINT_PREFIX, checkpointParts) },
  { name: 'newest checkpoint', subjects: ({ world }) => objects(world, NEWEST_CHECKPOINT_KEY, checkpointParts, key => key === NEWEST_CHECKPOINT_KEY) },
  { name: 'opening', subjects: ({ world }) => objects(world, OPENING_PREFIX, allOf) },
  { name: 'archive', subjects: archiveSubjects },
  { name: 'sealed pack', subjects: ({ sealed }) => objects(sealed, PACK_PREFIX, sealedParts) },
  { name: 'sealed segment', subjects: ({ sealed }) => objects(sealed, SEGMENT_PREFIX, sealedParts) },
  { name: 'sealed outcome', subjects: ({ sealed }) => objects(sealed, OUTCOME_PREFIX, allOf) },
  { name: 'sealed opening', subjects: ({ sealed }) => objects(sealed, OPENING_PREFIX, sealedParts) },
]

async function * objects (world: World, prefix: string, parts: (bytes: Uint8Array) => Part[], fits: (key: string) => boolean = () => true): AsyncGenerator<Subject> {
  const keys = (await world.afresh(damageableKeys)).filter(key => key.startsWith(prefix) && fits(key))
  for (const key of keys) {
    const bytes = (await world.backend.get(key))!
    yield object(world, key, bytes, parts(bytes))
  }
}

function object (world: World, key: string, bytes: Uint8Array, parts: readonly Part[]): Subject {
  return {
    name: key,
    bytes,
    parts,
    async suffer (damaged, { address }) {
      await world.backend.put(key, damaged)
      try {
        const isNamed = await detect(world)
        demand(isNamed(key), 'nobody finds it')
        // Some bits of a zstd frame mean nothing: the pack is then damaged, and the blob is not.
        demand(address === undefined || isNamed(key, address) || await isReadable(world, address), 'the blob is not named')
        await readsNothingWrong(world)
      } finally {
        await world.backend.put(key, bytes)
      }
    },
  }
}

async function isReadable (world: World, address: Address): Promise<boolean> {
  return await world.afresh(async repository => await repository.get(address)) !== undefined
}

/** (format.md § Pack) */
async function * packSubjects ({ world, kindOf }: FlipFixture): AsyncGenerator<Subject> {
  const { backend } = world
  for await (const subject of objects(world, PACK_PREFIX, () => [])) {
    const { blobs } = (await readListing(backend, packNameOf(subject.name)!))!
    const parts: Part[] = [{ name: 'magic', start: 0, end: 8 }, { name: 'header length', start: 8, end: 12 }, { name: 'header', start: 12, end: HEAD_BYTES }]
    let start = HEAD_BYTES
    for (const { address, stored } of blobs) {
      parts.push({ name: kindOf(address), start, end: start += stored, sample: BLOB_SAMPLE, address })
    }
    const trailer = subject.bytes.length - TRAILER_BYTES
    parts.push({ name: 'footer', start, end: trailer }, { name: 'footer length', start: trailer, end: trailer + 8 })
    parts.push({ name: 'hash', start: trailer + 8, end: trailer + 40 }, { name: 'end magic', start: trailer + 40, end: trailer + 48 })
    yield { ...subject, parts }
  }
}

/** (format.md § Index segment) */
function segmentParts ({ length }: Uint8Array): Part[] {
  return [{ name: 'magic', start: 0, end: 8 }, { name: 'body', start: 8, end: length - 32 }, { name: 'hash', start: length - 32, end: length }]
}

/** Text, the log's own signature, and those of validators, whose keys stand in commit records. */
function checkpointParts (bytes: Uint8Array): Part[] {
  const note = Buffer.from(bytes)
  const signatures = note.indexOf('\n\n') + 2
  const cosignatures = note.indexOf('\n', signatures) + 1
  return [{ name: 'text', start: 0, end: signatures }, { name: 'signature', start: signatures, end: cosignatures }, { name: 'cosignatures', start: cosignatures, end: note.length }]
}

/** What is sealed has no structure for who has no key, but for its ends. */
function sealedParts ({ length }: Uint8Array): Part[] {
  const end = Math.min(SEALED_END, Math.floor(length / 2))
  return [{ name: 'beginning', start: 0, end }, { name: 'inside', start: end, end: length - end, sample: SEALED_SAMPLE }, { name: 'end', start: length - end, end: length }]
}

function allOf ({ length }: Uint8Array): Part[] {
  return [{ name: 'record', start: 0, end: length }]
}
