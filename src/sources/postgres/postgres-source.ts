import { BackupError } from '../../errors.ts'
import type { Capture, CaptureOptions, Source } from '../source.ts'
import { PostgresCapture } from './capture.ts'
import { CatalogDependencies } from './catalog-dependencies.ts'
import { RelationIndex } from './catalog-relations.ts'
import type { ConnectionLease } from './connections.ts'
import { DatabaseSnapshot } from './database-snapshot.ts'
import { chooseDumper } from './dump.ts'
import type { PgDumpChoice, SchemaSelection } from './dump.ts'
import { readIdentities } from './object-identity.ts'
import { SchemaObjects, schemaObjects } from './schema-objects.ts'
import { readServerFacts, readServerMajor, readWalPosition } from './server-facts.ts'
import { asSourceError } from './server-error.ts'
import type { PostgresServer } from './server.ts'

export interface PostgresSourceOptions extends SchemaSelection {
  /** @default 'postgres' */
  readonly name?: string
  /** A capture holds two of its connections from beginning to end, and more if they are free. */
  readonly server: PostgresServer
  readonly database: string
  /** How many connections at most. @default 4 */
  readonly connections?: number
  /** @default 'wasm' */
  readonly pgDump?: PgDumpChoice
  /** `primary`: not from the server's standby, which may lag behind. @default 'reader' */
  readonly readFrom?: 'reader' | 'primary'
  /** How long to wait for a table that somebody else holds. @default 30_000 */
  readonly lockTimeoutMs?: number
  /**
   * `incremental`: of tables that the parent snapshot holds only what changed is read, where the server's own records make that certain.
   * It needs three connections; the first capture reads everything. `full`: all rows, every time.
   * @default 'incremental'
   */
  readonly reads?: 'full' | 'incremental'
  /** With incremental reads: every so many snapshots a table is read in full. @default 10 */
  readonly fullReadEvery?: number
  /** @default () => new Date() */
  readonly now?: () => Date
}

/** One PostgreSQL database, or some of its schemas. */
export function postgresSource (options: PostgresSourceOptions): Source {
  const { name = 'postgres', connections = 4, fullReadEvery = 10 } = options
  if (!/^[a-z0-9-]+$/.test(name)) throw new BackupError('INVALID_OPTION', `a source's name must consist of a–z, 0–9 and -, not be ${JSON.stringify(name)}`)
  if (!Number.isSafeInteger(connections) || connections < 2) throw new BackupError('INVALID_OPTION', 'a capture of PostgreSQL needs at least 2 connections', { data: { connections } })
  if (!Number.isSafeInteger(fullReadEvery) || fullReadEvery < 1) throw new BackupError('INVALID_OPTION', 'fullReadEvery must be a positive integer', { data: { fullReadEvery } })
  return { name, capture: async captureOptions => await openCapture({ ...options, name, connections, fullReadEvery }, captureOptions) }
}

type Settled = PostgresSourceOptions & Required<Pick<PostgresSourceOptions, 'name' | 'connections' | 'fullReadEvery'>>

async function openCapture (options: Settled, { signal, previous }: CaptureOptions = {}): Promise<Capture> {
  const server = readerOf(options)
  const lease = await server.lease(2, { atMost: options.connections, signal })
  const abort = (): void => { lease.destroyAll() }
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await openOn(lease, options, { signal, previous })
  } catch (error) {
    await lease.close()
    signal?.throwIfAborted()
    throw asSourceError(error, { action: `open a snapshot of database ${options.database} on ${server.location}`, data: { database: options.database, server: server.location } })
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

async function openOn (lease: ConnectionLease, options: Settled, { signal, previous }: CaptureOptions): Promise<Capture> {
  const { name: source, database, pgDump, lockTimeoutMs = 30_000, reads = 'incremental', now = () => new Date() } = options
  const selection = selectionOf(options)
  const first = await lease.connect(database, { signal })
  const serverMajor = await readServerMajor(first)
  const dumper = await chooseDumper(readerOf(options), { serverMajor, signal, ...(pgDump !== undefined && { pgDump }) })
  const incremental = reads === 'incremental' ? { previous, fullReadEvery: options.fullReadEvery, visible: await readWalPosition(first) } : undefined
  await lease.release(first)
  const begin = now()
  const snapshot = await DatabaseSnapshot.open(lease, database, { selection, lockTimeoutMs })
  const facts = await readServerFacts(snapshot.holder)
  const entries = await lease.whileUsingOne(async () => await dumper.dump(database, { snapshot: snapshot.id, selection, lockTimeoutMs, signal }), { signal })
  const relations = await RelationIndex.read(snapshot.holder)
  const named = schemaObjects(source, entries, await readIdentities(snapshot.holder, entries))
  const dependencies = await CatalogDependencies.read(snapshot.holder, new Set(named.flatMap(({ key }) => key ?? [])))
  const objects = new SchemaObjects(source, named, dependencies, relations)
  return await PostgresCapture.plan({ source, database, selection, lease, snapshot, objects, dependencies, relations, facts, incremental, begin, now })
}

function readerOf ({ server, readFrom = 'reader' }: PostgresSourceOptions): PostgresServer {
  return readFrom === 'primary' ? server : server.reader
}

function selectionOf ({ schemas, excludeSchemas, excludeTables }: PostgresSourceOptions): SchemaSelection {
  return { ...(schemas !== undefined && { schemas }), ...(excludeSchemas !== undefined && { excludeSchemas }), ...(excludeTables !== undefined && { excludeTables }) }
}
