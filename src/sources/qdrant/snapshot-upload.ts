import type { AbortOptions, Bytes } from '../../stream.ts'
import type { QdrantConnection } from './connection.ts'
import { createServerSnapshot, deleteServerSnapshot, listServerSnapshots, readServerSnapshot } from './server-snapshot.ts'
import type { ServerSnapshot } from './server-snapshot.ts'
import { upload } from './transfer.ts'

/** Qdrant keeps an upload in its snapshot folder. It is named after its SHA-256, so that whoever finds it can verify it. */
const UPLOADED = /^([0-9a-f]{64})\.snapshot$/

export interface UploadSnapshotOptions extends AbortOptions {
  /** SHA-256, 64 hex digits: Qdrant refuses anything else. */
  readonly checksum: string | undefined
}

/** Makes the collection `name` out of a snapshot's bytes; an existing one gets its points replaced. */
export async function uploadSnapshot (server: QdrantConnection, name: string, bytes: Bytes, { checksum, signal }: UploadSnapshotOptions): Promise<void> {
  const query = new URLSearchParams({ priority: 'snapshot', wait: 'true', ...(checksum === undefined ? {} : { checksum }) })
  await upload(server, `/collections/${encodeURIComponent(name)}/snapshots/upload?${query}`, bytes, { fileName: `${checksum ?? 'copy'}.snapshot`, signal })
}

/**
 * Makes the collection `to` out of what was uploaded as collection `from`; Qdrant has no rename. The bytes go through
 * this process, because a server knows neither its own address nor tells its folders.
 */
export async function copyUploaded (server: QdrantConnection, from: string, to: string, options: AbortOptions = {}): Promise<void> {
  const uploaded = (await listUploads(server, from, options))[0]
  const snapshot = uploaded ?? await createServerSnapshot(server, from, options)
  try {
    await uploadSnapshot(server, to, readServerSnapshot(server, snapshot, options), { checksum: snapshot.checksum, ...options })
  } finally {
    if (uploaded === undefined) await deleteServerSnapshot(server, snapshot)
  }
}

/** Deletes what uploads left in the snapshot folder of a collection. */
export async function deleteUploads (server: QdrantConnection, collection: string): Promise<void> {
  for (const snapshot of await listUploads(server, collection)) await deleteServerSnapshot(server, snapshot)
}

async function listUploads (server: QdrantConnection, collection: string, options: AbortOptions = {}): Promise<ServerSnapshot[]> {
  const files = await listServerSnapshots(server, collection, options)
  return files.flatMap(file => {
    const checksum = UPLOADED.exec(file.name)?.[1]
    return checksum === undefined ? [] : [{ ...file, checksum }]
  })
}
