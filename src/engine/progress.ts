/** A step of a long act, for a progress bar. `total` is undefined while unknown. */
export interface Progress {
  readonly step: 'capture' | 'validate' | 'restore' | 'export' | 'import' | 'verify' | 'repair' | 'collect'
  /** What is being worked on: a node id, or undefined for the step as a whole. */
  readonly item?: string
  readonly done: number
  readonly total?: number
  readonly unit: 'bytes' | 'items'
}

export type OnProgress = (progress: Progress) => void
