/** What a file held when its state was this. */
export interface RememberedFile {
  readonly path: string
  /** As the source told it. (source.ts § FileEntry) */
  readonly state: string
  /** CID of its content as text; empty for an empty file. */
  readonly root: string
  readonly size: number
}

/**
 * What a host remembers of the files of one folder tree, so that they need not be read again. All of it may be lost at any
 * time; neither method ever fails.
 */
export interface FileMemory {
  /** True if all blobs of what is remembered can surely be built on; else each must be asked for. */
  readonly isIntact: boolean
  /** What was remembered of that path, if its state was the same. Paths must ascend by their bytes. */
  recall(path: string, state: string): Promise<RememberedFile | undefined>
  /** Paths must ascend by their bytes. */
  remember(files: readonly RememberedFile[]): Promise<void>
}
