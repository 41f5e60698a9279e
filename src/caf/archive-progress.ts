/** How far the writing or reading of an archive has come. */
export interface ArchiveProgress {
  /** A path in the archive, or the id of a node. */
  readonly item: string
  /** Plain bytes. */
  readonly doneBytes: number
  readonly totalBytes: number
}
