import { randomUUID } from 'node:crypto'
import type { Repository } from '../cas/repository.ts'
import type { ArchiveKey } from '../caf/age-keys.ts'
import { importArchive as importContents } from '../caf/archive-import.ts'
import type { ArchiveProgress } from '../caf/archive-progress.ts'
import { openArchive } from '../caf/archive-reader.ts'
import type { ArchiveReader } from '../caf/archive-reader.ts'
import type { AbortOptions } from '../stream.ts'
import { originOfArchive, requireProven } from './archive-origin.ts'
import type { ArchiveOrigin, OriginTrust } from './archive-origin.ts'
import { abandonSnapshot, commitSnapshot } from './commit-snapshot.ts'
import type { Electorate } from './electorate.ts'
import type { BackupEmitter } from './events.ts'
import { openLedger } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import { readLog } from './open-log.ts'
import type { OnProgress } from './progress.ts'
import { inSpan } from './span.ts'

/** The secret or identity is needed for an archive that is encrypted. */
export interface ImportRequest extends Electorate, AbortOptions, ArchiveKey {
  /** Whose word is taken for where the archive is from, besides this repository's own log. @default nobody's */
  readonly trusted?: OriginTrust | undefined
  /** What to do with an archive of which no trusted log says where it is from. @default 'accept', and tell in the result */
  readonly unproven?: 'accept' | 'refuse' | undefined
  /** The line of snapshots that the imported one becomes part of. @default the archive's own */
  readonly project?: string | undefined
  /** @default a random UUID */
  readonly traceId?: string | undefined
  readonly events?: BackupEmitter | undefined
  readonly onProgress?: OnProgress | undefined
}

export interface ImportedArchive {
  /** Id of the snapshot in this repository. */
  readonly id: string
  /** The same as in the repository that the archive came from. */
  readonly root: string
  readonly project: string
  readonly origin: ArchiveOrigin
  readonly nodes: number
  readonly sizeBytes: number
  readonly storedBytes: number
  readonly durationMs: number
}

/**
 * Checks a whole `.caf` archive, then brings its snapshot into the repository, where it becomes visible at the end or not at all.
 * That the archive is intact says nothing of who made it: its proof may, by a log that is trusted or this repository's own.
 * @throws {BackupError} `ORIGIN_UNPROVEN`, `PROOF_INVALID`; `ARCHIVE_INVALID`, `ARCHIVE_CORRUPT`, `ARCHIVE_UNSAFE`, `ARCHIVE_TOO_LARGE`, `FORMAT_UNKNOWN`; `KEY_NEEDED`, `KEY_WRONG`; `QUORUM_NOT_REACHED`, `STORAGE_…`
 */
export async function importArchive (repository: Repository, path: string, request: ImportRequest = {}): Promise<ImportedArchive> {
  const { traceId = randomUUID(), secret, identity } = request
  return await inSpan('caf.import', { 'caf.trace_id': traceId }, async span => {
    const started = performance.now()
    const archive = await openArchive(path, { secret, identity })
    try {
      const origin = await checkOrigin(repository, archive, request)
      const ledger = await openLedger(repository, { traceId, signal: request.signal })
      await ledger?.closeOpen({ signal: request.signal })
      const imported = await bringIn(repository, archive, { ...request, ledger })
      const { id, root, nodes, sizeBytes, storedBytes } = imported
      span.setAttributes({ 'caf.snapshot.id': id, 'caf.bytes': sizeBytes, 'caf.bytes.stored': storedBytes })
      const durationMs = Math.round(performance.now() - started)
      request.events?.emit('backup.snapshot.created', { snapshotId: id, root, nodes, sizeBytes, storedBytes, durationMs, traceId })
      return { ...imported, origin, durationMs }
    } finally {
      await archive.close()
    }
  })
}

async function checkOrigin (repository: Repository, archive: ArchiveReader, { trusted = {}, unproven = 'accept', signal }: ImportRequest): Promise<ArchiveOrigin> {
  const own = (await readLog(repository, { signal }))?.key
  const origin = await originOfArchive(archive, { ...trusted, logKeys: [...trusted.logKeys ?? [], ...own === undefined ? [] : [own]] })
  if (unproven === 'refuse') requireProven(origin, archive.path)
  return origin
}

interface LoggedRequest extends ImportRequest {
  readonly ledger: Ledger | undefined
}

async function bringIn (repository: Repository, archive: ArchiveReader, request: LoggedRequest): Promise<Omit<ImportedArchive, 'durationMs' | 'origin'>> {
  const { project, ledger, signal, onProgress } = request
  const writer = await repository.openWriter({ signal })
  try {
    const report = ({ item, doneBytes, totalBytes }: ArchiveProgress): void => { onProgress?.({ step: 'import', item, done: doneBytes, total: totalBytes, unit: 'bytes' }) }
    const { root, snapshot, nodes, sizeBytes } = await importContents({ archive, blobs: writer, signal, onProgress: report })
    await commitSnapshot(repository, writer, { ...request, root, project: project ?? snapshot.project, otherProject: project, parents: [] })
    return { id: writer.id, root: root.toString(), project: project ?? snapshot.project, nodes, sizeBytes, storedBytes: writer.counters.storedBytes }
  } catch (error) {
    await writer.discard().catch(() => undefined) // the first failure is the one to tell
    await abandonSnapshot(ledger)
    throw error
  }
}
