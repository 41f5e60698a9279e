/** What can be measured, in the order of the table. */
export const ACTS = {
  start: 'Start, and nothing else',
  list: 'Start, and list ten snapshots',
  'database/first': 'PostgreSQL: first snapshot',
  'database/unchanged': 'PostgreSQL: nothing changed',
  'database/day': 'PostgreSQL: after a day',
  'database/restore': 'PostgreSQL: restore all',
  'database/table': 'PostgreSQL: restore one table',
  'database/verify': 'PostgreSQL: verify all data',
  'database/export': 'PostgreSQL: export an archive',
  'files/first': 'Files: first snapshot',
  'files/unchanged': 'Files: nothing changed',
  'files/day': 'Files: 1 % touched',
  'files/restore': 'Files: restore all',
  'files/collect': 'Files: forget one snapshot, free its space',
  'points/first': 'Qdrant: first snapshot',
  'points/unchanged': 'Qdrant: nothing changed',
  'points/day': 'Qdrant: 2 % of the points changed',
} as const

export type Act = keyof typeof ACTS

/**
 * Bash commands for what one program does with each kind of data. They find in the environment: `STORE`, a folder for the repository;
 * `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD` and `PGDATABASE`, the source; `TARGET`, an empty database to restore into (or the name of
 * one that does not exist yet, see `makesTarget`); `FILES` and `QDRANT_URL`, the other sources; `OUTPUT`, a folder for what comes out;
 * `NUMBER` of the snapshot; `CACHE`, a folder that does not count as stored. What a program cannot do is left out.
 */
export interface Contender {
  readonly name: string
  /** As it calls itself. */
  readonly version: string
  readonly env: Readonly<Record<string, string>>
  readonly init?: string
  readonly start?: string
  /** Lists the files' snapshots. */
  readonly list?: string
  readonly snapshotDatabase?: string
  readonly restoreDatabase?: string
  readonly restoreTable?: string
  readonly verify?: string
  readonly exportArchive?: string
  readonly snapshotFiles?: string
  readonly restoreFiles?: string
  /** Prints what names the files' snapshot `NUMBER`; not measured. */
  readonly findSnapshot?: string
  /** Forgets the snapshot `FOUND` and frees its space. */
  readonly collect?: string
  readonly snapshotPoints?: string
  /** Acts that say nothing of it, since it does the same at others. */
  readonly leavesOut?: readonly Act[]
  /** Whether a restore makes its database. */
  readonly makesTarget: boolean
  /** Folders below `STORE` that are a cache of this host. */
  readonly caches: readonly string[]
}
