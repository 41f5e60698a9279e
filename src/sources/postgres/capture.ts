import { BackupError } from '../../errors.ts'
import type { AbortOptions, Plain } from '../../stream.ts'
import type { Artifact, Capture, CaptureSummary } from '../source.ts'
import { blobArtifacts } from './blob-artifacts.ts'
import { readNotes } from './capture-notes.ts'
import { readDatabaseFacts } from './catalog-database.ts'
import type { CatalogDependencies } from './catalog-dependencies.ts'
import type { CreatedRelation, RelationIndex, RelationKind } from './catalog-relations.ts'
import { readTables } from './catalog-tables.ts'
import type { TableRows } from './catalog-tables.ts'
import type { ConnectionLease } from './connections.ts'
import type { DatabaseSnapshot } from './database-snapshot.ts'
import type { SchemaSelection } from './dump.ts'
import { databaseId, rowsId } from './identifier.ts'
import { readKeyDensities } from './key-density.ts'
import { objectArtifacts } from './object-artifacts.ts'
import { assertRowsFit } from './oversized-rows.ts'
import { refreshArtifacts } from './refresh-artifacts.ts'
import type { SchemaObjects } from './schema-objects.ts'
import { sequenceArtifacts } from './sequence-artifacts.ts'
import type { ServerFacts } from './server-facts.ts'
import { asSourceError } from './server-error.ts'
import { SnapshotReaders } from './snapshot-readers.ts'
import { tableArtifact } from './table-artifact.ts'
import { readTableIdentities } from './table-identity.ts'
import { TableReads } from './table-reads.ts'
import type { TableReadsOptions } from './table-reads.ts'
import { textContent } from './text-content.ts'
import { isFlushed } from './wal-flush.ts'

/** How long the server may take to make durable what a snapshot saw. */
const FLUSH_MS = 2_000

export interface IncrementalReads extends Pick<TableReadsOptions, 'fullReadEvery' | 'previous'> {
  /** The WAL's position before the snapshot was taken. */
  readonly visible: string | null
}

/** What was found out while the view was opened. */
export interface OpenedDatabase {
  readonly source: string
  readonly database: string
  readonly selection: SchemaSelection
  readonly lease: ConnectionLease
  readonly snapshot: DatabaseSnapshot
  readonly objects: SchemaObjects
  readonly dependencies: CatalogDependencies
  readonly relations: RelationIndex
  readonly facts: ServerFacts
  /** What incremental reads need; absent when tables are always read in full. */
  readonly incremental?: IncrementalReads | undefined
  readonly begin: Date
  readonly now: () => Date
}

/** A database under one snapshot. */
export class PostgresCapture implements Capture {
  readonly #opened: OpenedDatabase
  readonly #readers: SnapshotReaders
  readonly #artifacts: readonly Artifact[]
  readonly #notes: readonly string[]
  readonly #reads: TableReads | undefined

  private constructor (opened: OpenedDatabase, readers: SnapshotReaders, { artifacts, reads }: PlannedArtifacts, notes: readonly string[]) {
    this.#opened = opened
    this.#readers = readers
    this.#artifacts = artifacts
    this.#reads = reads
    this.#notes = notes
  }

  /** Plans all artifacts; their contents are read later. */
  static async plan (opened: OpenedDatabase): Promise<PostgresCapture> {
    const readers = new SnapshotReaders(opened.snapshot, opened.lease)
    return new PostgresCapture(opened, readers, await planArtifacts(opened, readers), await readNotes(opened))
  }

  async * artifacts ({ signal }: AbortOptions = {}): AsyncGenerator<Artifact> {
    for (const artifact of this.#artifacts) {
      signal?.throwIfAborted()
      yield artifact
    }
  }

  async finish (): Promise<CaptureSummary> {
    const { snapshot, facts, begin, now, database } = this.#opened
    const { position, ...others } = facts
    await this.#readers.closeIdle()
    let reads: Plain | undefined
    try {
      await snapshot.verify()
      reads = this.#reads?.facts(await isFlushed(snapshot.holder, facts, { waitMs: FLUSH_MS, nudge: async () => { await snapshot.nudge().catch(() => undefined) } })) // not to be a base is no failure
    } catch (error) {
      throw asSourceError(error, { action: `confirm the snapshot of database ${database}`, data: { database } })
    }
    return {
      begin: begin.toISOString(), end: now().toISOString(),
      ...(position !== null && { position }),
      facts: { ...others, database, ...(reads !== undefined && { reads }) }, notes: [...this.#notes, ...this.#reads?.notes() ?? []],
    }
  }

  async close (): Promise<void> {
    await this.#opened.lease.close()
  }
}

interface PlannedArtifacts {
  readonly artifacts: readonly Artifact[]
  readonly reads: TableReads | undefined
}

async function planArtifacts (opened: OpenedDatabase, readers: SnapshotReaders): Promise<PlannedArtifacts> {
  const { source, snapshot: { holder }, objects, relations, selection } = opened
  const [tables, sequences] = [createdOf('r', opened), createdOf('S', opened)]
  assertReadableHere([...tables, ...sequences], opened)
  const oids = tables.map(({ relation }) => relation.oid)
  await assertRowsFit(holder, oids)
  const rows = await readTables(holder, oids)
  const context = { objects, relations, rowsIds: new Map(tables.map(({ relation: { oid, schema, name } }) => [oid, rowsId(source, schema, name)])) }
  const sorted = tables.filter(({ relation: { oid, extensionCondition } }) => (rows.get(oid)?.key.length ?? 0) > 0 && (extensionCondition ?? '') === '')
  const reads = await planReads(opened, new Map(sorted.map(({ relation: { oid } }) => [oid, context.rowsIds.get(oid)!])), readers.width)
  const densities = reads === undefined ? undefined : await readKeyDensities(holder, rows)
  const artifacts = [
    ...largestFirst(tables, rows).flatMap(({ relation, creator }) => {
      const tableRows = rows.get(relation.oid)
      return tableRows === undefined ? [] : [tableArtifact(source, relation, tableRows, { deps: [creator], readers, reads, density: densities?.get(relation.oid) })]
    }),
    ...selection.schemas === undefined ? await blobArtifacts(source, holder, readers) : [],
    await databaseArtifact(opened),
    ...objectArtifacts(context),
    ...await sequenceArtifacts(source, holder, sequences),
    ...refreshArtifacts(source, context),
  ]
  return { artifacts, reads }
}

/** So that what is read at the same time is done at about the same time, and not one large table the last. */
function largestFirst (tables: readonly CreatedRelation[], rows: ReadonlyMap<number, TableRows>): CreatedRelation[] {
  const size = ({ relation: { oid } }: CreatedRelation): number => rows.get(oid)?.sizeBytes ?? 0
  return tables.toSorted((a, b) => size(b) - size(a))
}

async function planReads ({ incremental, facts, snapshot: { holder } }: OpenedDatabase, ids: ReadonlyMap<number, string>, readers: number): Promise<TableReads | undefined> {
  if (incremental === undefined) return undefined
  const identities = await readTableIdentities(holder, [...ids.keys()])
  return new TableReads({ ...incremental, facts, readers, tables: new Map([...identities].map(([oid, identity]) => [ids.get(oid)!, identity])) })
}

/** The relations of a kind whose data are the user's: the user's own, and configuration tables of extensions. */
function createdOf (kind: RelationKind, { objects, relations }: OpenedDatabase): CreatedRelation[] {
  return [...relations.all.values()].filter(relation => relation.kind === kind).flatMap(relation => {
    const creator = objects.ownOfRelation(relation.oid) ?? (relation.extension === null ? undefined : objects.ofExtension(relation.extension))
    return creator === undefined ? [] : [{ relation, creator: creator.id }]
  })
}

/** @throws {BackupError} `SOURCE_UNSUPPORTED` */
function assertReadableHere (created: readonly CreatedRelation[], { facts }: OpenedDatabase): void {
  const unlogged = created.filter(({ relation }) => relation.unlogged).map(({ relation: { schema, name } }) => `${schema}.${name}`)
  if (facts['inRecovery'] !== true || unlogged.length === 0) return
  throw new BackupError('SOURCE_UNSUPPORTED', `a standby has no rows of the unlogged relations ${unlogged.join(', ')}: capture the primary, or exclude them`, { data: { relations: unlogged } })
}

async function databaseArtifact ({ source, snapshot: { holder }, objects }: OpenedDatabase): Promise<Artifact> {
  const owners = [...new Set(objects.all.flatMap(({ entry }) => entry.owner ?? []))]
  const facts = await readDatabaseFacts(holder, owners)
  const text = JSON.stringify({ ...facts, order: objects.all.map(({ id }) => id) })
  return { id: databaseId(source), kind: 'pg.database', deps: [], attributes: {}, content: textContent(text) }
}
