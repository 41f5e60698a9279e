import type { AbortOptions, Bytes, Plain } from '../stream.ts'

/** What kind of thing an artifact is; a closed list, part of the format. */
export type ArtifactKind =
  | 'pg.database' // JSON: settings, locale, roles, extensions and pg_dump's order of a database
  | 'pg.object' // SQL of one schema object
  | 'pg.rows' // rows of one table
  | 'pg.sequence' // JSON: position of one sequence
  | 'pg.blobs' // large objects
  | 'pg.refresh' // SQL that refreshes a materialized view after its inputs are back
  | 'qdrant.collection' // Qdrant's snapshot of one collection
  | 'files' // a folder tree
  | 'matrix' // one .npy matrix
  | 'agent.output' // a JSON value

/** How two keys of one column compare. `bytes`: unsigned bytes of the unescaped text. `enum`: position in `labels`. */
export type KeyOrder = 'integer' | 'numeric' | 'float' | 'bytes' | 'boolean' | 'timestamp' | 'date' | 'enum'

export interface KeyColumn {
  readonly order: KeyOrder
  /** For `enum`: the labels in their order. */
  readonly labels?: readonly string[]
}

/** How the rows of a stream of COPY text are laid out: the key's columns come first, in the key's order. */
export interface RowLayout {
  readonly columns: readonly string[]
  /** One entry a key column; empty when the rows have no usable key (they then come in the heap's order and may repeat). */
  readonly key: readonly KeyColumn[]
}

/** COPY text: one row a line, `\t` between values, `\N` for null, C-style escapes; `\n` only at a row's end. Ascending in key order if there is a key. */
export interface RowContent {
  readonly form: 'rows'
  readonly layout: RowLayout
  /** Bytes of an average row if known, for the cut rule of a first snapshot. */
  readonly averageRowBytes?: number
  read(options?: AbortOptions): Bytes
  /**
   * Instead of `read`, what makes the rows out of those of the capture in {@link CaptureOptions.previous}; absent when the source cannot be
   * sure of it. When they do not fit, `changes` with keys and then `read` may still be called. The caller closes it.
   */
  readonly changes?: (options?: ChangesOptions) => Promise<RowChanges>
}

export interface ChangesOptions extends AbortOptions {
  /** True to get the keys in any case; else the source chooses. */
  readonly withKeys?: boolean
}

/**
 * Rows by what changed: every row whose key is not among `rows` is what it was, if it is still there. That the keys tell, or else the count: the rows
 * that were there before and are not among `rows` are then as many as are left of the count without these, or some were deleted, and it takes the keys.
 * Streams ascend in key order; read them side by side.
 */
export type RowChanges = RowStreams & ({
  /** The key's columns of all rows, as COPY text. */
  readonly keys: Bytes
} | {
  /** How many rows there are. */
  readonly count: number
})

interface RowStreams {
  /** The rows that are new or may be others than before. */
  readonly rows: Bytes
  /** Ends what is open, also in the middle. Safe to call twice. */
  close(): Promise<void>
}

export interface ByteContent {
  readonly form: 'bytes'
  /** How it is cut: content-defined (the default), or content-defined within the members of a tar. */
  readonly cut?: 'content' | 'tar'
  read(options?: AbortOptions): Bytes
}

/** One entry of a folder tree; `path` is relative, `/`-separated, never absolute and without `.` or `..` parts. */
export interface FileEntry {
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink'
  /** Permission bits, 0 to 0o7777. */
  readonly mode: number
  /** Modification time in nanoseconds since 1970. */
  readonly mtimeNs: bigint
  readonly uid: number
  readonly gid: number
  /** Length in bytes of a file, else 0. */
  readonly sizeBytes: number
  /** Where a symlink points, or the path (in this tree) of the file that a hard link shares its data with. */
  readonly target?: string
  /**
   * What differs on this host as soon as a file's bytes may: who finds it the same as before need not read the file again.
   * Absent where nothing like that can be relied on.
   */
  readonly state?: string | undefined
  /** The bytes of a file; absent for everything else. */
  read?(options?: AbortOptions): Bytes
  /** The same at once, in memory of the caller's own; absent, or undefined, where that might take long. For small files. */
  readNow?(): Uint8Array | undefined
  /** Of a stored file: true if `bytes` are its content. Reads of the repository what names the content's pieces, not these. */
  equals?(bytes: Bytes, options?: AbortOptions): Promise<boolean>
}

/** A folder tree, in ascending order of the paths' UTF-8 bytes, so a folder comes before what it holds. */
export interface FileContent {
  readonly form: 'files'
  entries(options?: AbortOptions): AsyncIterable<FileEntry>
}

export type Content = RowContent | ByteContent | FileContent

/** How an artifact is computed from its deps, so that it can be made again when its bytes are lost. */
export interface Recipe {
  /** A name that the engine's recipe table knows, for instance `pca`. */
  readonly name: string
  readonly version: number
  readonly parameters: { readonly [key: string]: Plain }
}

/** Who made an artifact, and why. */
export interface Provenance {
  readonly agentId?: string
  readonly traceId?: string
  readonly agentRole?: string
  readonly capability?: string
  readonly designIntent?: string
  readonly userRequirement?: string
}

/** One restorable thing of a source. */
export interface Artifact {
  /** Unique in the snapshot and the same in every snapshot: `<source>/<class>/<name>`. */
  readonly id: string
  readonly kind: ArtifactKind
  /** Ids of the artifacts that must be back before this one. No cycles. */
  readonly deps: readonly string[]
  /** Facts a restore needs; part of the node, so they must be equal when the artifact is unchanged (no times, no OIDs). */
  readonly attributes: { readonly [key: string]: Plain }
  readonly recipe?: Recipe
  readonly provenance?: Provenance
  readonly content: Content
}

/** What a capture was about; goes into the snapshot as it is. */
export interface CaptureSummary {
  /** ISO 8601 times between which the state was read; the state is that of one moment inside. */
  readonly begin: string
  readonly end: string
  /** Where the source stood (a WAL position, say). */
  readonly position?: string
  /** Server version and the like. */
  readonly facts: { readonly [key: string]: Plain }
  /** Things left out or worth knowing, each one sentence. */
  readonly notes: readonly string[]
}

/** One consistent view of a source, held open until closed. */
export interface Capture {
  /**
   * Yields each artifact once. Their contents may be read in any order, at the same time and until `close`, at most
   * once each (but `changes` without and with keys, and then `read`); how many are really read at once is the source's affair (it waits for a connection).
   */
  artifacts(options?: AbortOptions): AsyncIterable<Artifact>
  /** Call after all contents were read: checks that the view held to the end. @throws {BackupError} `SOURCE_CHANGED` */
  finish(): Promise<CaptureSummary>
  /** Frees the view and every connection, also after a failure or in the middle. Safe to call twice. */
  close(): Promise<void>
}

export interface CaptureOptions extends AbortOptions {
  /** What this source told of the capture in the parent snapshot: contents may then offer their changes since. */
  readonly previous?: CaptureSummary | undefined
}

export interface Source {
  /** First part of its artifacts' ids: [a-z0-9-]+, unique in a configuration. */
  readonly name: string
  /** Opens a view. On failure nothing stays open. */
  capture(options?: CaptureOptions): Promise<Capture>
}

/** An artifact as a restorer gets it. Contents are verified while they are read: a damaged chunk throws before its bytes are handed on. */
export interface RestoreItem {
  readonly id: string
  readonly kind: ArtifactKind
  readonly deps: readonly string[]
  readonly attributes: { readonly [key: string]: Plain }
  readonly sizeBytes: number
  readonly rows: number
  /** Layout of the rows, for `rows` content. */
  readonly layout?: RowLayout
  /** Content of `bytes` and `rows` artifacts (rows as COPY text, long values put in). The consumer may keep its pieces. */
  read(options?: AbortOptions): Bytes
  /** Content of `files` artifacts. */
  entries(options?: AbortOptions): AsyncIterable<FileEntry>
  /** True if `bytes`, read to their end, are byte for byte what `read` gives; that is not read for it, so it costs little. */
  equals(bytes: Bytes, options?: AbortOptions): Promise<boolean>
  /** True if `content`, read back from a target, is the same as the item's: same rows, bytes or tree. */
  matches(content: Content, options?: AbortOptions): Promise<boolean>
  /**
   * Of rows: up to `count` parts of about as many rows, in the order of the key, for who works on them side by side. One part when they have no
   * key or are few.
   */
  parts?(options: AbortOptions & { readonly count: number }): Promise<readonly ItemPart[]>
}

/** The rows of an item between two keys; `read` and `equals` are about them alone. */
export interface ItemPart extends Pick<RestoreItem, 'read' | 'equals'> {
  /** The values of its first row's key; absent in the first part. */
  readonly fromKey?: readonly string[]
  /** Those of the first row behind it; absent in the last part. */
  readonly toKey?: readonly string[]
}

/** Something that speaks against a restore, found before any effect. */
export interface Problem {
  readonly code: 'ROLE_MISSING' | 'EXTENSION_MISSING' | 'TARGET_EXISTS' | 'TARGET_VERSION' | 'SOURCE_UNREACHABLE' | 'SOURCE_AUTH' | 'SOURCE_DENIED' | 'SOURCE_UNSUPPORTED' | 'INVALID_OPTION'
  readonly message: string
  readonly data?: Readonly<Record<string, Plain>>
}

/**
 * Brings artifacts of one source back into one target, in two steps: `prepare` does all that can fail, out of sight
 * (under names with `__restoring`); `commit` makes it visible. A process killed at any point leaves a target that either
 * `abort` (before commit began) or `commit` again (after) brings to a whole state: both may be called by a new process
 * on a new restorer made with the same options, any number of times, and do nothing when there is nothing to do.
 */
export interface Restorer {
  readonly name: string
  /** True if `prepare` works where nobody looks, so that it is early enough to find out there that stored bytes are damaged. @default false */
  readonly isAside?: boolean
  /** Looks for reasons why it cannot work. Changes nothing. */
  check(items: readonly RestoreItem[], options?: AbortOptions): Promise<readonly Problem[]>
  /** True if the target already holds exactly this artifact. Changes nothing. */
  holds(item: RestoreItem, options?: AbortOptions): Promise<boolean>
  /** Builds everything out of sight, `items` in topological order, and reads it back to verify. @throws {BackupError} `TARGET_DIFFERS` */
  prepare(items: readonly RestoreItem[], options?: PrepareOptions): Promise<void>
  /** Makes it visible. */
  commit(options?: AbortOptions): Promise<void>
  /** Removes what `prepare` made; what was visible before stays as it was. */
  abort(options?: AbortOptions): Promise<void>
  /** Frees connections and locks. Safe to call twice; a later call of another method opens what it needs again. */
  close(): Promise<void>
}

export interface PrepareOptions extends AbortOptions {
  /** Called when an item is back. */
  readonly onItem?: (item: RestoreItem) => void
}
