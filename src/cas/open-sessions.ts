import { setTimeout as sleep } from 'node:timers/promises'
import { isBackupError } from '../errors.ts'
import { hostIdentity, mayBeAlive } from '../storage/host-identity.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { OUTCOME_PREFIX, SESSION_PREFIX } from './layout.ts'
import { SessionRecord, createRecord, readRecord } from './records.ts'

/** An open session whose record cannot be read: it protects nothing, and its owner writes it again if alive. */
const UNREADABLE: SessionRecord = { kind: 'write', host: '', pid: 0, started: '', leaseUntil: '', snapshots: [] }

/** The sessions that have no outcome, by id. */
export async function openSessions (backend: StorageBackend, options: AbortOptions = {}): Promise<Map<string, SessionRecord>> {
  // Sessions first: one that ends in between is then seen as ended.
  const ids = await idsBelow(backend, SESSION_PREFIX, options)
  const ended = new Set(await idsBelow(backend, OUTCOME_PREFIX, options))
  const open = new Map<string, SessionRecord>()
  for (const id of ids.filter(id => !ended.has(id))) open.set(id, await readSession(backend, id, options))
  return open
}

export interface WaitOptions extends AbortOptions {
  /** Milliseconds since 1970. */
  readonly now: () => string
  /** @default 500 */
  readonly pollMs?: number
  /** Called before each round of waiting with what is waited for. */
  readonly onWait?: (sessions: ReadonlyMap<string, SessionRecord>) => void
}

/**
 * Waits until each session that is open now has an outcome. Those that are dead get it from here: `revoked`, by
 * create-if-absent, so that their writer cannot commit any more should it live after all.
 */
export async function waitForSessions (backend: StorageBackend, { now, pollMs = 500, onWait, signal }: WaitOptions): Promise<void> {
  const awaited = new Set((await openSessions(backend, { signal })).keys())
  while (awaited.size > 0) {
    const open = await openSessions(backend, { signal })
    for (const id of awaited) {
      const session = open.get(id)
      if (session === undefined || await revokeIfDead(backend, id, session, now())) awaited.delete(id)
    }
    if (awaited.size === 0) return
    onWait?.(new Map([...open].filter(([id]) => awaited.has(id))))
    await sleep(pollMs, undefined, { signal })
  }
}

/**
 * Revokes a session whose process is gone or whose lease is over. Should it live after all, it learns that it was revoked.
 * @returns whether it was dead
 */
export async function revokeIfDead (backend: StorageBackend, id: string, session: SessionRecord, now: string): Promise<boolean> {
  if (!isDead(session, now)) return false
  await createRecord(backend, OUTCOME_PREFIX + id, { outcome: 'revoked', time: now })
  return true
}

function isDead ({ host, pid, leaseUntil }: SessionRecord, now: string): boolean {
  return leaseUntil < now || (host === hostIdentity() && !mayBeAlive(pid))
}

async function readSession (backend: StorageBackend, id: string, options: AbortOptions): Promise<SessionRecord> {
  try {
    return await readRecord(backend, SESSION_PREFIX + id, SessionRecord, options) ?? UNREADABLE
  } catch (error) {
    if (isBackupError(error, 'RECORD_CORRUPT')) return UNREADABLE
    throw error
  }
}

async function idsBelow (backend: StorageBackend, prefix: string, options: AbortOptions): Promise<string[]> {
  const ids: string[] = []
  for await (const { key } of backend.list(prefix, options)) ids.push(key.slice(prefix.length))
  return ids
}
