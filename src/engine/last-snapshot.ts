import { hash } from 'node:crypto'
import * as v from 'valibot'
import { readRecord, writeRecord } from '../cas/records.ts'
import type { Repository } from '../cas/repository.ts'
import { parseCid } from '../dag/block.ts'
import { directoryBackend } from '../storage/directory-backend.ts'
import type { SnapshotView } from './snapshot-view.ts'

/** What names a snapshot, and its root. */
export type SnapshotLink = Pick<SnapshotView, 'id' | 'root'>

const LastRecord = v.object({ repository: v.string(), project: v.string(), id: v.string(), root: v.string() })

/**
 * The last snapshot that this host has made without a key in a project, which it cannot look for; undefined if it has made none,
 * does not remember it, or it was forgotten since. @throws {BackupError} `STORAGE_…`
 */
export async function recallLast (repository: Repository, project: string): Promise<SnapshotLink | undefined> {
  const { ownFolder, config } = repository
  if (ownFolder === undefined) return undefined
  const record = await readRecord(directoryBackend(ownFolder), keyOf(project), LastRecord).catch(() => undefined) // then it is as if it were the first
  if (record === undefined || record.repository !== config.id || record.project !== project) return undefined
  return await repository.isVisible(record.id) ? { id: record.id, root: parseCid(record.root, keyOf(project)) } : undefined
}

/** Remembers a snapshot that was made without a key. Failing to undoes nothing: the next one then has no parent. */
export async function rememberLast ({ ownFolder, config }: Repository, project: string, { id, root }: SnapshotLink): Promise<void> {
  if (ownFolder === undefined) return
  await writeRecord(directoryBackend(ownFolder), keyOf(project), { repository: config.id, project, id, root: root.toString() }).catch(() => undefined)
}

/** A project may have any name. */
function keyOf (project: string): string {
  return `last/${hash('sha256', project, 'hex').slice(0, 32)}.json`
}
