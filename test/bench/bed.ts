import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startPostgres } from '../servers/postgres.ts'
import { startQdrant } from '../servers/qdrant.ts'
import type { QdrantServer } from '../servers/qdrant.ts'
import { fillDatabase } from './database.ts'
import { writeFiles } from './files.ts'
import { folderSize } from './folder-size.ts'
import { fillCollections } from './points.ts'

const DATABASE = 'bench'

/** The application that is backed up: servers and files of its own. */
export interface Bed extends AsyncDisposable {
  /** Everything else goes here, and goes with it. */
  readonly folder: string
  readonly files: string
  readonly qdrant: QdrantServer | undefined
  /** Variables that say where all that is. */
  readonly env: Readonly<Record<string, string>>
  /** Bytes that each act of a kind goes through: rows as COPY text, files. */
  readonly bytes: { readonly database: number, readonly files: number }
  /** Process id of PostgreSQL's main process. */
  readonly serverPid: number
  /** Ends what runs. */
  readonly signal: AbortSignal
  withDatabase<T>(name: string | undefined, use: (client: pg.Client) => Promise<T>): Promise<T>
}

export interface BedOptions {
  readonly signal: AbortSignal
  /** `database`: no files and no Qdrant. @default 'all' */
  readonly parts?: 'all' | 'database'
}

/** Builds it all; `scale` 1 is about 860 MB of rows, 500 MB of files and 90 MB of vectors. */
export async function makeBed (scale: number, { signal, parts = 'all' }: BedOptions): Promise<Bed> {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'caf-bench-'))
  stack.defer(async () => { await rm(folder, { recursive: true, force: true }) })
  const server = await startPostgres({ major: 15, settings: { autovacuum: 'off', shared_buffers: '256MB', max_wal_size: '4GB', maintenance_work_mem: '256MB' } })
  stack.defer(async () => { await server.stop() })
  const qdrant = parts === 'all' ? await startQdrant() : undefined
  if (qdrant !== undefined) stack.defer(async () => { await qdrant.stop() })
  const withDatabase: Bed['withDatabase'] = async (name = DATABASE, use) => {
    const client = new pg.Client({ host: server.host, port: server.port, user: server.user, password: server.password, database: name })
    await client.connect()
    try {
      return await use(client)
    } finally {
      await client.end()
    }
  }
  await withDatabase('postgres', async client => await client.query(`CREATE DATABASE ${DATABASE}`))
  const database = await withDatabase(DATABASE, async client => await fillDatabase(client, scale))
  signal.throwIfAborted()
  const files = join(folder, 'files')
  await mkdir(files)
  if (parts === 'all') await writeFiles(files, scale)
  signal.throwIfAborted()
  if (qdrant !== undefined) await fillCollections(qdrant.url, scale)
  const pidFile = await readFile(join(server.dataFolder, 'postmaster.pid'), 'utf8')
  const env = {
    PGHOST: server.host, PGPORT: String(server.port), PGUSER: server.user, PGPASSWORD: server.password, PGDATABASE: DATABASE,
    FILES: files, ...qdrant === undefined ? {} : { QDRANT_URL: qdrant.url },
  }
  const fileBytes = await folderSize(files)
  const owned = stack.move()
  return {
    folder, files, qdrant, bytes: { database, files: fileBytes }, env, serverPid: Number(pidFile.split('\n')[0]), withDatabase, signal,
    [Symbol.asyncDispose]: async () => { await owned.disposeAsync() },
  }
}
