import { BackupError } from '../errors.ts'
import type { Repository } from '../cas/repository.ts'
import { decodeRecord, encodeRecord } from '../cas/record.ts'
import { hostIdentity, mayBeAlive } from '../storage/host-identity.ts'
import type { Plain } from '../stream.ts'

/** A restore that has begun and not ended. */
export interface RestoreRecord {
  readonly id: string
  readonly snapshot: string
  /** `preparing`: nothing is visible yet, undo it. `committing`: a part may be visible, finish it. */
  readonly stage: 'preparing' | 'committing'
  readonly started: string
  readonly host: string
  readonly pid: number
  /** What the caller needs to make the same restorers again; never a secret. */
  readonly request: Plain
}

const key = (id: string): string => `restores/${id}`

/** Writes the record durably: before the first effect, and again before the first visible one. */
export async function writeJournal (repository: Repository, { id, ...record }: RestoreRecord): Promise<void> {
  await repository.backend.put(key(id), encodeRecord({ ...record }))
}

export async function removeJournal (repository: Repository, id: string): Promise<void> {
  await repository.backend.delete(key(id))
}

/** Restores that have not ended, also those that run right now. @throws {BackupError} `RECORD_CORRUPT` */
export async function pendingRestores (repository: Repository): Promise<RestoreRecord[]> {
  const records: RestoreRecord[] = []
  for await (const entry of repository.backend.list('restores/')) {
    const bytes = await repository.backend.get(entry.key)
    if (bytes === undefined) continue // ended between listing and reading
    const { snapshot, stage, started, host, pid, request } = decodeRecord(entry.key, bytes)
    records.push({
      id: entry.key.slice('restores/'.length), snapshot: String(snapshot), stage: stage === 'committing' ? 'committing' : 'preparing',
      started: String(started), host: String(host), pid: Number(pid), request: request ?? null,
    })
  }
  return records
}

/** @throws {BackupError} `RESTORE_PENDING` when an earlier restore was cut off or another one runs */
export async function refusePending (repository: Repository): Promise<void> {
  const [pending] = await pendingRestores(repository)
  if (pending === undefined) return
  const state = isRunning(pending) ? `is running in process ${pending.pid}` : `was cut off while ${pending.stage}`
  throw new BackupError('RESTORE_PENDING', `a restore of snapshot ${pending.snapshot} begun at ${pending.started} ${state}; finish it with \`caf restore --resume\` or undo it with \`caf restore --abort\``, { data: { ...pending } })
}

/** True if the process that began the restore is another one that may live on this host. */
export function isRunning ({ host, pid }: RestoreRecord): boolean {
  return host === hostIdentity() && pid !== process.pid && mayBeAlive(pid)
}
