import { randomUUID } from 'node:crypto'
import type { Repository } from '../cas/repository.ts'
import type { ArchiveKey } from '../caf/age-keys.ts'
import { importArchive as importContents } from '../caf/archive-import.ts'
import type { ArchiveProgress } from '../caf/archive-progress.ts'
import { openArchive } from '../caf/archive-reader.ts'
import type { ArchiveReader } from '../caf/archive-reader.ts'
import { localValidator } from '../trust/local-validator.ts'
import type { AbortOptions } from '../stream.ts'
import type { Validator } from '../trust/validator.ts'
import { refreshCatalogue } from './catalogue.ts'
import { seekConsensus } from './consensus.ts'
import type { BackupEmitter } from './events.ts'
import type { OnProgress } from './progress.ts'

/** The secret or identity is needed for an archive that is encrypted. */
export interface ImportRequest extends AbortOptions, ArchiveKey {
  /** The line of snapshots that the imported one becomes part of. @default the archive's own */
  readonly project?: string | undefined
  /** @default one local validator */
  readonly validators?: readonly Validator[] | undefined
  readonly threshold?: number | undefined
  readonly events?: BackupEmitter | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface ImportedArchive {
  /** Id of the snapshot in this repository. */
  readonly id: string
  /** The same as in the repository that the archive came from. */
  readonly root: string
  readonly project: string
  readonly nodes: number
  readonly sizeBytes: number
  readonly storedBytes: number
  readonly durationMs: number
}

/**
 * Checks a whole `.caf` archive, then brings its snapshot into the repository, where it becomes visible at the end or not at all.
 * That the archive is intact says nothing of who made it.
 * @throws {BackupError} `ARCHIVE_INVALID`, `ARCHIVE_CORRUPT`, `ARCHIVE_UNSAFE`, `ARCHIVE_TOO_LARGE`, `FORMAT_UNKNOWN`; `KEY_NEEDED`, `KEY_WRONG`; `QUORUM_NOT_REACHED`, `STORAGE_…`
 */
export async function importArchive (repository: Repository, path: string, request: ImportRequest = {}): Promise<ImportedArchive> {
  const started = performance.now()
  const { secret, identity } = request
  const archive = await openArchive(path, { secret, identity })
  try {
    const imported = await bringIn(repository, archive, request)
    await refreshCatalogue(repository)
    const { id, root, nodes, sizeBytes, storedBytes } = imported
    const durationMs = Math.round(performance.now() - started)
    request.events?.emit('backup.snapshot.created', { snapshotId: id, root, nodes, sizeBytes, storedBytes, durationMs, traceId: randomUUID() })
    return { ...imported, durationMs }
  } finally {
    await archive.close()
  }
}

async function bringIn (repository: Repository, archive: ArchiveReader, request: ImportRequest): Promise<Omit<ImportedArchive, 'durationMs'>> {
  const { project, validators = [localValidator()], threshold, signal, onProgress } = request
  const writer = await repository.openWriter({ signal })
  try {
    const report = ({ item, doneBytes, totalBytes }: ArchiveProgress): void => { onProgress?.({ step: 'import', item, done: doneBytes, total: totalBytes, unit: 'bytes' }) }
    const { root, snapshot, nodes, sizeBytes } = await importContents({ archive, blobs: writer, signal, onProgress: report })
    const consensus = await seekConsensus(repository, writer, root, { validators, threshold, signal })
    await writer.commit({ root: root.toString(), project, ...consensus })
    return { id: writer.id, root: root.toString(), project: project ?? snapshot.project, nodes, sizeBytes, storedBytes: writer.counters.storedBytes }
  } catch (error) {
    await writer.discard().catch(() => undefined) // the first failure is the one to tell
    throw error
  }
}
