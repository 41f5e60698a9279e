import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { blobCorrupt, isUnreadable } from './blob-fetcher.ts'
import type { Address } from './blob-store.ts'
import { ByteReader } from './byte-reader.ts'
import { copiesIn } from './copy.ts'
import type { Copy } from './copy.ts'
import { mapInOrder } from './in-order.ts'
import { packKey } from './layout.ts'
import { BLOB_LIMIT_BYTES, HEAD_BYTES, TRAILER_BYTES, checkHead, decodeTrailer, encodeFooter, packCorrupt, packHash } from './pack-format.ts'
import type { PackListing } from './pack-format.ts'
import { RunReader } from './pack-run.ts'
import type { PackRun, RunBlob } from './pack-run.ts'
import type { Repository } from './repository.ts'
import { free } from './zstd.ts'

/** Runs that are decoded and hashed at once, or wait for it: enough for two threads. */
const RUNS_AT_ONCE = 8

/** One thing that is wrong with a pack. */
export interface PackDamage {
  readonly error: BackupError
  /** The blob it is about; unset when it is about the file itself. */
  readonly blob?: { readonly address: Address, readonly copy: Copy }
}

/**
 * Reads a pack once, from its first byte to its last, as its listing says it must be, and yields what is wrong: the damaged
 * blobs, then the file. Everything is checked against its hash; nothing comes from a cache but the bases of deltas.
 */
export async function * scanPack (repository: Repository, listing: PackListing, options: AbortOptions = {}): AsyncGenerator<PackDamage> {
  const body = await repository.backend.stream(packKey(listing.name), options)
  if (body === undefined) {
    yield * allMissing(listing)
    return
  }
  const progress: Progress = { blobs: 0, deltas: [] }
  const error = yield * scanBody(repository, listing, body, progress, options)
  yield * scanDeltas(repository, progress.deltas, options)
  if (error !== undefined) yield { error }
}

/** All but the deltas. Returns what is wrong with the file itself. */
async function * scanBody (
  repository: Repository, listing: PackListing, body: Bytes, progress: Progress, options: AbortOptions
): AsyncGenerator<PackDamage, BackupError | undefined> {
  try {
    return yield * scanStream(repository, listing, body, progress, options)
  } catch (error) {
    if (!isBackupError(error, 'SEAL_BROKEN', 'KEY_NEEDED')) throw error
    yield * scanRest(repository, listing, progress, options)
    return error
  }
}

interface Progress {
  /** How many blobs have been checked, one after the other, or are among the deltas. */
  blobs: number
  /** What was read and waits to be checked. */
  readonly deltas: RunBlob[]
}

async function * scanStream (
  repository: Repository, listing: PackListing, body: Bytes, progress: Progress, options: AbortOptions
): AsyncGenerator<PackDamage, BackupError | undefined> {
  const reader = new ByteReader(body)
  const hash = packHash()
  try {
    const head = Buffer.from(await reader.take(HEAD_BYTES))
    hash.update(head)
    const runs = new RunReader().read(reader, copiesIn(listing), bytes => { hash.update(bytes) })
    for await (const damage of mapInOrder(runs, RUNS_AT_ONCE, async run => await runDamage(repository, run, options))) {
      progress.blobs += damage.blobs
      progress.deltas.push(...damage.deltas)
      yield * damage.found
    }
    const footer = Buffer.from(await reader.take(listing.sizeBytes - HEAD_BYTES - TRAILER_BYTES - storedBytesOf(listing)))
    const trailer = Buffer.from(await reader.take(TRAILER_BYTES))
    const digest = hash.update(footer).update(trailer.subarray(0, 8)).digest()
    return fileDamage(listing, { head, footer, trailer, digest, after: await reader.take(1) })
  } finally {
    await reader.close()
  }
}

function storedBytesOf ({ blobs }: PackListing): number {
  return blobs.reduce((sum, { stored }) => sum + stored, 0)
}

/** Where a seal is broken the stream ends, but the blobs in other segments may be whole. */
async function * scanRest (repository: Repository, listing: PackListing, { blobs }: Progress, options: AbortOptions): AsyncGenerator<PackDamage> {
  for (const [address, copy] of [...copiesIn(listing)].slice(blobs)) {
    const error = await aloneDamage(repository, address, copy, options)
    if (error !== undefined) yield { error, blob: { address, copy } }
  }
}

async function aloneDamage (repository: Repository, address: Address, copy: Copy, options: AbortOptions): Promise<BackupError | undefined> {
  try {
    const stored = await repository.backend.get(packKey(copy.pack), { ...options, offset: copy.offset, length: copy.stored })
    return await blobDamage(repository, address, copy, stored ?? new Uint8Array(), options)
  } catch (error) {
    if (isBackupError(error, 'SEAL_BROKEN', 'KEY_NEEDED')) return blobCorrupt(address, copy, error.message, error)
    throw error
  }
}

function * allMissing (listing: PackListing): Generator<PackDamage> {
  for (const [address, copy] of copiesIn(listing)) yield { error: blobCorrupt(address, copy, 'the pack is missing'), blob: { address, copy } }
  yield { error: packCorrupt(listing.name, 'it is missing') }
}

interface RunDamage {
  readonly blobs: number
  readonly found: readonly PackDamage[]
  /** In memory of their own. */
  readonly deltas: readonly RunBlob[]
}

/** What is wrong with the blobs of a run. Most have no base and nothing wrong: those are looked at together. Deltas are left for later. */
async function runDamage (repository: Repository, { blobs, release }: PackRun, options: AbortOptions): Promise<RunDamage> {
  try {
    const deltas = blobs.filter(isDelta).map(blob => ({ ...blob, stored: Buffer.from(blob.stored) }))
    const others = blobs.filter(blob => !isDelta(blob))
    const whole = others.filter(({ copy, stored }) => copy.plain <= BLOB_LIMIT_BYTES && stored.length === copy.stored)
    const addresses = await repository.codec.addressesOf(whole.map(({ stored }) => stored), whole.map(({ copy: { encoding, plain } }) => ({ encoding, plain })))
    const intact = new Set(whole.filter(({ address }, index) => addresses[index] === address))
    const found = await Promise.all(others.filter(blob => !intact.has(blob)).map(async blob => await damageOf(repository, blob, options)))
    return { blobs: blobs.length, found: found.flat(), deltas }
  } finally {
    release()
  }
}

function isDelta ({ copy: { base } }: RunBlob): boolean {
  return base !== undefined
}

/** What is wrong with deltas, looked at in the order of their bases: else these would be read here and there in all packs, and opened for each delta anew. */
async function * scanDeltas (repository: Repository, deltas: readonly RunBlob[], options: AbortOptions): AsyncGenerator<PackDamage> {
  const placed = deltas.map(blob => ({ blob, base: repository.copies(blob.copy.base!)[0] }))
  placed.sort(({ base: one }, { base: other }) => byPlace(one, other))
  const checks = mapInOrder(placed, RUNS_AT_ONCE, async ({ blob }) => {
    const found = await damageOf(repository, blob, options)
    free(blob.stored)
    return found
  })
  for await (const found of checks) yield * found
}

function byPlace (one: Copy | undefined, other: Copy | undefined): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined)
  return one.pack === other.pack ? one.offset - other.offset : one.pack < other.pack ? -1 : 1
}

async function damageOf (repository: Repository, { address, copy, stored }: RunBlob, options: AbortOptions): Promise<PackDamage[]> {
  const error = await blobDamage(repository, address, copy, stored, options)
  return error === undefined ? [] : [{ error, blob: { address, copy } }]
}

async function blobDamage (repository: Repository, address: Address, copy: Copy, stored: Uint8Array, options: AbortOptions): Promise<BackupError | undefined> {
  if (stored.length < copy.stored) return blobCorrupt(address, copy, `the pack ends after ${stored.length} of its ${copy.stored} bytes`)
  try {
    await repository.fetcher.check(address, copy, stored, wanted => repository.copies(wanted), options)
    return undefined
  } catch (error) {
    if (isUnreadable(error)) return error
    throw error
  }
}

interface PackEnds {
  readonly head: Uint8Array
  readonly footer: Uint8Array
  readonly trailer: Buffer
  /** Of all bytes before the hash in the trailer. */
  readonly digest: Uint8Array
  /** Empty unless the file goes on. */
  readonly after: Uint8Array
}

function fileDamage ({ name, blobs }: PackListing, { head, footer, trailer, digest, after }: PackEnds): BackupError | undefined {
  try {
    checkHead(name, head)
    if (after.length > 0) throw packCorrupt(name, 'it is longer than its index says')
    const sealed = decodeTrailer(name, trailer)
    if (sealed.footerBytes !== footer.length || !Buffer.from(encodeFooter(blobs)).equals(footer)) throw packCorrupt(name, 'its footer is not what its index says')
    if (!sealed.digest.equals(digest)) throw packCorrupt(name, 'its hash does not match')
    return undefined
  } catch (error) {
    if (error instanceof BackupError) return error
    throw error
  }
}
