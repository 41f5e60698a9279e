import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { exportArchive } from '../../src/engine/export.ts'
import { importArchive } from '../../src/engine/import.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../src/engine/snapshot-view.ts'
import { wasmDump } from '../../src/sources/postgres/dump-wasm.ts'
import { postgresSource } from '../../src/sources/postgres/postgres-source.ts'
import { postgresRestorer } from '../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../src/sources/postgres/server.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { loadSqlFile } from '../servers/load-sql.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { TestPostgres } from '../servers/postgres.ts'

const FOLDER = '../shared/data/pg'
const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter(name => name.endsWith('.sql')) : []
if (files.length === 0) process.stderr.write(`skipping the real databases: there is no ${FOLDER}\n`)

describe.skipIf(files.length === 0)('real databases go through a snapshot, an archive and another repository', () => {
  let server: TestPostgres
  let postgres: PostgresServer
  let folder: string

  beforeAll(async () => {
    server = await startPostgres({ major: 15 })
    postgres = new PostgresServer({ url: server.url('postgres'), maxConnections: 4 })
    folder = await mkdtemp(join(tmpdir(), 'caf-databases-'))
  })

  afterAll(async () => {
    await server.stop()
    await rm(folder, { recursive: true })
  })

  it.each(files)('%s comes back equal, to pg_dump too', async file => {
    const database = basename(file, '.sql')
    await load(database, join(FOLDER, file))
    const first = await createRepository(memoryBackend())
    const second = await createRepository(memoryBackend())
    const { id } = await createSnapshot(first, { sources: [postgresSource({ server: postgres, database })], description: file })
    const archive = join(folder, `${database}.caf`)
    const exported = await exportArchive(first, id, archive)
    const imported = await importArchive(second, archive, { project: 'copy' })
    expect(imported.root).toBe(exported.root)
    const copy = `${database}_copy`
    await restoreSnapshot(second, imported.id, { restorers: [postgresRestorer({ server: postgres, database: copy, mode: 'create' })], policy: { strategy: 'full' } })
    expect(await dumpLines(copy)).toEqual(await dumpLines(database))
    expect(await hashesOf(second, imported.id, copy)).toEqual(await hashesOf(second, imported.id))
  })

  async function load (database: string, path: string): Promise<void> {
    await withClient('postgres', async client => { await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)} TEMPLATE template0`) })
    await withClient(database, async client => { await loadSqlFile(client, path) })
  }

  async function withClient (database: string, act: (client: pg.Client) => Promise<void>): Promise<void> {
    const client = new pg.Client({ connectionString: server.url(database) })
    await client.connect()
    try {
      await act(client)
    } finally {
      await client.end()
    }
  }

  /** All that pg_dump says of a database, as a set of lines: the order of rows in the heap is no dump's to keep. */
  async function dumpLines (database: string): Promise<string[]> {
    const text = await wasmDump(postgres.endpoint, { database, tls: postgres.tls, args: ['--no-password', '--encoding=UTF8'] })
    return text.split('\n').filter(line => !/^-- (Started|Completed) on|^\\(un)?restrict/.test(line)).sort()
  }

  /** The hash of every node of a snapshot, or of the state of `database` compared with it. */
  async function hashesOf (repository: Repository, id: string, database?: string): Promise<Record<string, string>> {
    const view = await findView(repository, id)
    const state = database === undefined ? view : await findView(repository, (await createSnapshot(repository, {
      sources: [postgresSource({ server: postgres, database })], description: 'the copy', project: 'proof', relative: view,
    })).id)
    const nodes = await loadNodes(state, repository)
    return Object.fromEntries([...nodes].filter(([nodeId]) => nodeId !== 'postgres/database').map(([nodeId, { node }]) => [nodeId, node.hash]))
  }
})
