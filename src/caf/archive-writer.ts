import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BlobReader } from '../cas/blob-store.ts'
import type { CID } from '../dag/block.ts'
import type { AbortOptions, Bytes } from '../stream.ts'
import { bytesOf } from '../stream.ts'
import type { ArchiveEncryption } from './age-keys.ts'
import { archiveEntries } from './archive-entries.ts'
import type { ArchiveProgress } from './archive-progress.ts'
import { PROOF_PATH } from './archive-proof.ts'
import { DAG_PATH } from './dag-car.ts'
import { writeEncryptedZip } from './encrypted-zip.ts'
import { EntryNames } from './entry-names.ts'
import type { ArchiveManifest, ManifestNode } from './manifest.ts'
import { checkManifestMembers, encodeManifest } from './manifest.ts'
import { MANIFEST_PATH } from './manifest-document.ts'
import { partialSnapshot } from './partial-snapshot.ts'
import type { SnapshotNodes } from './snapshot-nodes.ts'
import { loadSnapshot } from './snapshot-nodes.ts'
import type { ZipRecord, ZipSource } from './zip-writer.ts'
import { writeZip } from './zip-writer.ts'

export interface WriteArchiveOptions extends AbortOptions {
  /** The snapshot block. */
  readonly snapshot: CID
  /** Each array it gives is the caller's own. */
  readonly blobs: Pick<BlobReader, 'get'>
  /** Written into the manifest. @default the snapshot's generator */
  readonly generator?: string | undefined
  /** @default null */
  readonly brainVersion?: string | null | undefined
  /** @default the points of all collections */
  readonly totalMemories?: number | undefined
  /** Ids of the nodes to write, closed under their deps: the archive's root is then a partial snapshot. @default all */
  readonly selection?: ReadonlySet<string> | undefined
  /** The tlog-proof of the snapshot; a part of it is none of the log's. @default none */
  readonly proof?: string | undefined
  /** Who can open the archive. @default everybody */
  readonly encryption?: ArchiveEncryption | undefined
  readonly onProgress?: ((progress: ArchiveProgress) => void) | undefined
}

/**
 * Writes a `.caf` archive of a snapshot to `output` and ends it; on any failure `output` is destroyed and what was written is useless.
 * Equal snapshots and options give equal bytes, unless they are encrypted. Memory grows with the number of nodes and files, not with their sizes.
 * @returns the manifest; in an encrypted archive that is the inner one
 * @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `BLOCK_INVALID`, `TREE_INVALID`, `NODE_INVALID`; `NODE_MISSING`, `DEP_MISSING`, `SELECTION_EMPTY`
 *   for a selection; `INVALID_OPTION` for what is no recipient; `ARCHIVE_TOO_LARGE`
 */
export async function writeArchive (options: WriteArchiveOptions, output: Writable): Promise<ArchiveManifest> {
  let manifest: ArchiveManifest | undefined
  const bytes = archiveBytes(options, written => { manifest = written })
  const { signal } = options
  // Source and output may both fail by it: then the pipeline rejects with both.
  await pipeline(bytes, output, { signal }).catch((error: unknown) => { throw signal?.aborted === true ? signal.reason : error })
  return manifest!
}

async function * archiveBytes (options: WriteArchiveOptions, onManifest: (manifest: ArchiveManifest) => void): AsyncGenerator<Uint8Array> {
  const { signal, selection, encryption, proof } = options
  const all = await loadSnapshot(options.snapshot, options.blobs, { signal })
  const { nodes: snapshot, blobs } = selection === undefined ? { nodes: all, blobs: options.blobs } : await partialSnapshot(all, selection, options.blobs, { signal })
  const places: ManifestNode[] = []
  const records: ZipRecord[] = []
  const entries = archiveEntries(snapshot, {
    blobs,
    signal,
    names: new EntryNames(),
    place: ({ id, artifact, hash, content }, entry, offset) => {
      places.push({ id, kind: artifact, hash, entry, ...(offset === undefined ? {} : { offset }), size: content.size, rows: content.count })
    },
  })
  const sources = async function * (): AsyncGenerator<ZipSource> {
    yield * metered(entries, snapshot, options)
    if (proof !== undefined) yield { path: PROOF_PATH, method: 'store', read: () => bytesOf(proof) }
    const manifest = describe(snapshot, options, places, records)
    onManifest(manifest)
    const encoded = encodeManifest(manifest)
    yield { path: MANIFEST_PATH, method: 'deflate', read: () => bytesOf(encoded) }
  }
  // The manifest is made when all before it has been recorded: sources are asked for one after another.
  const onEntry = (record: ZipRecord): void => { checkManifestMembers(places.length + records.push(record)) }
  yield * encryption === undefined ? writeZip(sources(), { signal, onEntry }) : writeEncryptedZip(sources(), { signal, onEntry, encryption })
}

function describe ({ root, snapshot, nodes }: SnapshotNodes, options: WriteArchiveOptions, places: readonly ManifestNode[], entries: readonly ZipRecord[]): ArchiveManifest {
  const { created, id, project, description, tags } = snapshot
  const points = nodes.reduce((sum, { node }) => sum + (node.artifact === 'qdrant.collection' ? Number(node.attributes['points'] ?? 0) : 0), 0)
  return {
    format: 1,
    kind: 'caf',
    created,
    generator: options.generator ?? snapshot.generator,
    root: root.toString(),
    snapshot: id,
    project,
    description,
    tags,
    brainVersion: options.brainVersion ?? null,
    totalMemories: options.totalMemories ?? points,
    encryption: null,
    nodes: places,
    entries: [...entries],
  }
}

/** Reports contents as they are written. */
async function * metered (entries: AsyncIterable<ZipSource>, { nodes }: SnapshotNodes, { onProgress }: WriteArchiveOptions): AsyncGenerator<ZipSource> {
  const totalBytes = nodes.reduce((sum, { node }) => sum + node.content.size, 0)
  let doneBytes = 0
  const counted = async function * (item: string, bytes: Bytes): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      if (item !== DAG_PATH) doneBytes = Math.min(totalBytes, doneBytes + piece.length)
      onProgress?.({ item, doneBytes, totalBytes })
      yield piece
    }
  }
  for await (const entry of entries) {
    const { path, read } = entry
    yield read === undefined ? entry : { ...entry, read: () => counted(path, read()) }
  }
}
