import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'
import { download } from './transfer.ts'

/** A snapshot of one collection in the server's own folder. Whoever made it deletes it. */
export interface ServerSnapshot {
  readonly collection: string
  readonly name: string
  /** SHA-256 as Qdrant computed it, 64 hex digits; undefined on servers that do not. */
  readonly checksum: string | undefined
  readonly sizeBytes: number
}

const NAME_ATTEMPTS = 5
const NAME_RESOLUTION_MS = 1000
const CHECKSUM_ATTEMPTS = 10
const CHECKSUM_MS = 50

/**
 * Makes the server take a snapshot. The request cannot be cancelled: after an abort this waits for it, deletes what it
 * made, and then rejects with the signal's reason.
 */
export async function createServerSnapshot (server: QdrantConnection, collection: string, { signal }: AbortOptions = {}): Promise<ServerSnapshot> {
  signal?.throwIfAborted()
  // Names have a resolution of a second and a second snapshot replaces the first: one that was there is somebody else's.
  const others = new Set((await listServerSnapshots(server, collection)).map(({ name }) => name))
  for (let attempt = 1; attempt <= NAME_ATTEMPTS; attempt++) {
    const made = await server.request(`taking a snapshot of ${collection}`, client => client.createSnapshot(collection))
    if (made === null) break
    if (others.has(made.name)) {
      await delay(NAME_RESOLUTION_MS, undefined, { signal })
      continue
    }
    const snapshot = { collection, name: made.name, checksum: known(made.checksum) ?? await checksumOf(server, collection, made), sizeBytes: made.size }
    if (signal?.aborted === true) await deleteServerSnapshot(server, snapshot)
    signal?.throwIfAborted()
    return snapshot
  }
  throw server.error(`taking a snapshot of ${collection}`, new BackupError('SOURCE_FAILED', `Qdrant gave no snapshot of ${collection} with a name of its own; is another backup running?`, { data: { collection } }))
}

/** The files in the server's snapshot folder of a collection, whoever made them. */
export async function listServerSnapshots (server: QdrantConnection, collection: string, options: AbortOptions = {}): Promise<ServerSnapshot[]> {
  const files = await server.request(`listing the snapshots of ${collection}`, client => client.listSnapshots(collection), options)
  return files.map(({ name, checksum, size }) => ({ collection, name, checksum: known(checksum), sizeBytes: size }))
}

function known (checksum: string | null | undefined): string | undefined {
  return checksum === '' ? undefined : checksum ?? undefined
}

/** Qdrant 1.16 may look for a checksum that it is just writing, and say that it is empty (qdrant/qdrant#8219): a moment later it is there. */
async function checksumOf (server: QdrantConnection, collection: string, { name, checksum }: { readonly name: string, readonly checksum?: string | null }): Promise<string | undefined> {
  if (checksum !== '') return undefined
  for (let attempt = 1; attempt <= CHECKSUM_ATTEMPTS; attempt++) {
    const found = (await listServerSnapshots(server, collection).catch(() => [])).find(other => other.name === name) // a failure would leave the snapshot behind
    if (found?.checksum !== undefined) return found.checksum
    await delay(CHECKSUM_MS)
  }
  return undefined
}

/** Nothing happens when it is gone already. */
export async function deleteServerSnapshot (server: QdrantConnection, { collection, name }: Pick<ServerSnapshot, 'collection' | 'name'>): Promise<void> {
  try {
    await server.request(`deleting snapshot ${name} of ${collection}`, client => client.deleteSnapshot(collection, name))
  } catch (error) {
    if (!isBackupError(error, 'SOURCE_MISSING')) throw error
  }
}

/**
 * The snapshot's bytes: a tar. The last piece is handed on only after all of them proved to be what Qdrant wrote.
 * @throws {BackupError} `CHECKSUM_MISMATCH`; `SOURCE_MISSING` when the file or its collection is gone
 */
export async function * readServerSnapshot (server: QdrantConnection, snapshot: ServerSnapshot, options: AbortOptions = {}): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let length = 0
  let held: Uint8Array | undefined
  for await (const piece of download(server, snapshotPath(snapshot), options)) {
    if (held !== undefined) yield held
    hash.update(piece)
    length += piece.length
    held = piece
  }
  verify(snapshot, hash.digest('hex'), length)
  if (held !== undefined) yield held
}

function snapshotPath ({ collection, name }: ServerSnapshot): string {
  return `/collections/${encodeURIComponent(collection)}/snapshots/${encodeURIComponent(name)}`
}

function verify ({ collection, name, checksum, sizeBytes }: ServerSnapshot, actual: string, length: number): void {
  if (length === sizeBytes && (checksum === undefined || checksum === actual)) return
  throw new BackupError('CHECKSUM_MISMATCH', `snapshot ${name} of collection ${collection} came as ${length} bytes with SHA-256 ${actual}, Qdrant wrote ${sizeBytes} bytes with ${checksum ?? 'an unknown one'}; try again`, {
    data: { collection, name, expected: checksum, actual, expectedBytes: sizeBytes, actualBytes: length },
  })
}
