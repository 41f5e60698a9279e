import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QdrantClient } from '@qdrant/js-client-rest'
import pg from 'pg'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { startQdrant } from '../../servers/qdrant.ts'
import type { QdrantServer } from '../../servers/qdrant.ts'

/** The two servers, a folder for files and the repository, and clients for what the application itself would do. */
export interface World {
  readonly postgres: TestPostgres
  readonly qdrant: QdrantServer
  readonly client: QdrantClient
  readonly folder: string
  /** Runs `act` with a connection to `database`. */
  withDatabase<T>(database: string, act: (client: pg.Client) => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/** Starts what the demo needs; nothing has to be installed. Everything ends with the process, however that ends. */
export async function startWorld ({ major = 18 }: { readonly major?: 15 | 18 } = {}): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'caf-demo-'))
  const postgres = await startPostgres({ major })
  const qdrant = await startQdrant()
  if (qdrant === undefined) {
    await postgres.stop()
    throw new Error('the demo needs a Qdrant server: none comes with npm for this platform, so set QDRANT_URL or QDRANT_BINARY')
  }
  await mkdir(join(folder, 'storage'))
  const client = new QdrantClient({ url: qdrant.url, checkCompatibility: false, ...(qdrant.apiKey === undefined ? {} : { apiKey: qdrant.apiKey }) })
  return {
    postgres, qdrant, client, folder,
    async withDatabase (database, act) {
      const connection = new pg.Client({ connectionString: postgres.url(database) })
      await connection.connect()
      try {
        return await act(connection)
      } finally {
        await connection.end()
      }
    },
    async stop () {
      await Promise.all([postgres.stop(), qdrant.stop()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}
