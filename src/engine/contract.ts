/** The public contract of the original specification: names and shapes are fixed, see docs/format.md for what lies below. */

export interface ContentAddressableStorage {
  /** Stores a JSON-serialisable value or bytes, durably; returns its SHA-256. */
  store(content: unknown, metadata?: Record<string, unknown>): Promise<string>
  /** The value (or bytes) stored under `hash`. @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT` */
  retrieve(hash: string): Promise<unknown>
  exists(hash: string): boolean
  /** Removes content that no snapshot needs; false when there is none. @throws {BackupError} `BLOB_IN_USE` */
  delete(hash: string): Promise<boolean>
  list(): Promise<string[]>
}

export interface ValidationResult {
  isValid: boolean
  errors: string[]
  warnings: string[]
}

export interface NodeMetadata {
  agentRole: string
  capability: string
  /** Hashes of the deps, in their order. */
  inputHashes: string[]
  outputHashes: string[]
  /** Milliseconds. */
  computationTime: number
  /** Bytes. */
  memoryUsage: number
  validationResult: ValidationResult
  designIntent: string
  userRequirement: string
}

export interface DAGNode {
  id: string
  hash: string
  deps: string[]
  metadata: NodeMetadata
  status: 'pending' | 'computing' | 'completed' | 'failed'
  agentId: string
  traceId: string
}

/** `from` is needed by `to`. */
export interface DAGEdge {
  from: string
  to: string
}

export interface MetadataDAG {
  timestamp: Date
  version: string
  nodes: Record<string, DAGNode>
  edges: DAGEdge[]
  consensus: boolean
  validatedBy: string[]
}

export interface RegenerationPolicy {
  /**
   * `incremental` leaves alone what the target already holds, `full` replaces everything, `selective` takes what `select` names.
   */
  strategy: 'incremental' | 'full' | 'selective'
  /** Reads and checks every needed byte before the target is touched. */
  validateBeforeRestore: boolean
  /** Takes a snapshot of what a restore replaces, first. */
  preserveHistory: boolean
  /** How many snapshots `garbageCollect` keeps. */
  maxSnapshots: number
  /** Age in days after which `garbageCollect` forgets a snapshot. */
  ttlDays: number
  /** What `selective` takes. */
  select?: Selection
}

/** What to restore; several members add up. */
export interface Selection {
  /** `schema.table`, or `table` for `public.table`. */
  tables?: readonly string[]
  collections?: readonly string[]
  matrices?: readonly string[]
  /** Paths in the files source: a file, or a folder with all that it holds. */
  files?: readonly string[]
  /** Node ids. */
  nodes?: readonly string[]
  /** @default true */
  withDependencies?: boolean
}

export interface BackupSnapshot {
  id: string
  /** CID of the snapshot's root block: the same in every repository that holds it. */
  root: string
  /** The line of snapshots it belongs to. */
  project: string
  description: string
  tags: string[]
  timestamp: Date
  consensus: boolean
  validatedBy: string[]
  /** Reads the graph, which may be large. */
  dag(): Promise<MetadataDAG>
}

export interface BackupManager {
  /** @throws {BackupError} `DAG_CYCLE`, `DEP_MISSING`, `QUORUM_NOT_REACHED`, `SOURCE_…`, `STORAGE_…` */
  createSnapshot(description: string, tags?: string[]): Promise<BackupSnapshot>
  /** @throws {BackupError} `SNAPSHOT_MISSING`, `NODE_INVALID`, `TARGET_…` */
  restoreSnapshot(snapshotId: string, policy?: RegenerationPolicy): Promise<ValidationResult>
  listSnapshots(): Promise<BackupSnapshot[]>
  /** Hides a snapshot at once; its bytes go with the next garbage collection. False when there is none. */
  deleteSnapshot(snapshotId: string): Promise<boolean>
  /** Applies the retention, removes what no snapshot needs, and returns the addresses removed. */
  garbageCollect(): Promise<string[]>
}
