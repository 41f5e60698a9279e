import { EventEmitter } from 'node:events'

interface Common {
  readonly traceId: string
  /** Milliseconds. */
  readonly durationMs: number
}

export interface SnapshotCreated extends Common {
  readonly snapshotId: string
  readonly root: string
  readonly nodes: number
  /** Plain bytes of the state, and what they newly take in the repository. */
  readonly sizeBytes: number
  readonly storedBytes: number
}

export interface SnapshotRestored extends Common {
  readonly snapshotId: string
  readonly restored: number
  readonly skipped: number
  readonly recomputed: number
  readonly sizeBytes: number
}

export interface GarbageCollected extends Common {
  readonly removed: number
  readonly freedBytes: number
  readonly packsDeleted: number
}

export interface ValidationFailed extends Common {
  /** Absent when no snapshot came to be. */
  readonly snapshotId?: string
  readonly code: string
  readonly errors: readonly string[]
}

export interface BackupEvents {
  'backup.snapshot.created': [SnapshotCreated]
  'backup.snapshot.restored': [SnapshotRestored]
  'backup.garbage.collected': [GarbageCollected]
  'backup.validation.failed': [ValidationFailed]
}

/** Emits what happened, after it happened. A listener that throws does not undo the act; its error reaches the caller. */
export class BackupEmitter extends EventEmitter<BackupEvents> {}
