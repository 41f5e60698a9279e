import { open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { randomUUID } from 'node:crypto'
import type { Writable } from 'node:stream'
import { BackupError, systemCode } from '../errors.ts'
import type { Repository } from '../cas/repository.ts'
import type { ArchiveEncryption } from '../caf/age-keys.ts'
import { writeArchive } from '../caf/archive-writer.ts'
import type { AbortOptions } from '../stream.ts'
import { checkSecret } from '../trust/keys/secret-strength.ts'
import { archiveFile } from './archive-file.ts'
import type { Selection } from './contract.ts'
import { GENERATOR } from './generator.ts'
import { openLedger } from './ledger.ts'
import type { OnProgress } from './progress.ts'
import { proofIn } from './proof.ts'
import { selectNodes } from './selection.ts'
import { findView, loadNodes } from './snapshot-view.ts'
import { inSpan } from './span.ts'

export interface ExportRequest extends AbortOptions {
  /** What to export; all that it depends on comes along. @default everything */
  readonly selection?: Selection | undefined
  /** Version of the application's model, for the manifest. @default null */
  readonly brainVersion?: string | undefined
  /** @default the points of all collections */
  readonly totalMemories?: number | undefined
  /** Who can open the archive. @default everybody */
  readonly encryption?: ArchiveEncryption | undefined
  /** @default a random UUID */
  readonly traceId?: string | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface ExportedArchive {
  readonly snapshotId: string
  /** Root CID of what the archive holds; the snapshot's own unless only a part was exported. */
  readonly root: string
  readonly entries: number
  readonly nodes: number
  /** Plain bytes of the entries. */
  readonly sizeBytes: number
  readonly encrypted: boolean
}

/**
 * Writes a `.caf` archive of a snapshot to a stream, or to a file that appears whole or not at all.
 * @throws {BackupError} `SNAPSHOT_MISSING`, `SELECTION_EMPTY`; `SECRET_WEAK`, `INVALID_OPTION` for what is no recipient; `BLOB_MISSING`, `BLOB_CORRUPT`; `STORAGE_FULL`, `STORAGE_DENIED`, `STORAGE_IO` for the file
 */
export async function exportArchive (repository: Repository, reference: string, output: string | Writable, request: ExportRequest = {}): Promise<ExportedArchive> {
  const { encryption, traceId = randomUUID(), signal } = request
  if (encryption !== undefined) checkSecret(encryption.secret)
  return await inSpan('caf.export', { 'caf.trace_id': traceId }, async span => {
    const ledger = await openLedger(repository, { traceId, signal })
    const exported = await writeOut(repository, reference, output, request)
    const { snapshotId: snapshot, root, sizeBytes } = exported
    span.setAttributes({ 'caf.snapshot.id': snapshot, 'caf.bytes': sizeBytes })
    await ledger?.recordDone({ kind: 'exported', snapshot, root })
    return exported
  })
}

async function writeOut (repository: Repository, reference: string, output: string | Writable, request: ExportRequest): Promise<ExportedArchive> {
  const { encryption } = request
  const view = await findView(repository, reference)
  const reader = await repository.openReader({ snapshots: [view.id], signal: request.signal })
  try {
    const selection = request.selection === undefined ? undefined : selectNodes(nodesOnly(await loadNodes(view, reader)), { ...request.selection, withDependencies: true })
    const write = async (stream: Writable): Promise<ExportedArchive> => {
      const manifest = await writeArchive({
        snapshot: view.root, blobs: reader, generator: GENERATOR, selection, encryption, proof: selection === undefined ? proofIn(view) : undefined, signal: request.signal, brainVersion: request.brainVersion, totalMemories: request.totalMemories,
        onProgress: ({ item, doneBytes, totalBytes }) => { request.onProgress?.({ step: 'export', item, done: doneBytes, total: totalBytes, unit: 'bytes' }) },
      }, stream)
      const sizeBytes = manifest.entries.reduce((sum, entry) => sum + entry.size, 0)
      return { snapshotId: view.id, root: manifest.root, entries: manifest.entries.length, nodes: manifest.nodes.length, sizeBytes, encrypted: encryption !== undefined }
    }
    return typeof output === 'string' ? await intoFile(output, write) : await write(output)
  } finally {
    await reader.close()
  }
}

function nodesOnly<T> (nodes: ReadonlyMap<string, { readonly node: T }>): Map<string, T> {
  return new Map([...nodes].map(([id, { node }]) => [id, node]))
}

/** Writes beside the file, makes it durable, then renames it. */
async function intoFile<T> (path: string, write: (stream: Writable) => Promise<T>): Promise<T> {
  const temporary = join(dirname(path), `.${randomUUID()}.caf-part`)
  try {
    const result = await write(archiveFile(temporary))
    await rename(temporary, path)
    await syncFolder(dirname(path))
    return result
  } catch (error) {
    await rm(temporary, { force: true })
    throw fileError(path, error)
  }
}

async function syncFolder (path: string): Promise<void> {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const FILE_CODES: Readonly<Record<string, 'STORAGE_FULL' | 'STORAGE_DENIED' | 'STORAGE_IO'>> = {
  ENOSPC: 'STORAGE_FULL', EDQUOT: 'STORAGE_FULL', EACCES: 'STORAGE_DENIED', EPERM: 'STORAGE_DENIED', EROFS: 'STORAGE_DENIED', ENOENT: 'STORAGE_IO', EIO: 'STORAGE_IO', ENOTDIR: 'STORAGE_IO', EISDIR: 'STORAGE_IO',
}

function fileError (path: string, error: unknown): unknown {
  const code = FILE_CODES[systemCode(error) ?? '']
  return code === undefined || error instanceof BackupError ? error : new BackupError(code, `cannot write ${path}: ${String(systemCode(error))}`, { data: { path }, cause: error })
}
