import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { encodeMarker, restoreIdentity } from '../../../src/sources/postgres/restore-marker.ts'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import type { PostgresRestorerOptions } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { collect } from '../../../src/stream.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { capturedItems } from './captured-items.ts'
import { createDatabase, inDatabase } from './databases.ts'
import type { KilledRestore, StoredItem } from './restore-process.ts'

const SWAP = { database: 'app', mode: 'create', replace: 'swap', disconnect: true } as const
const IN_PLACE = { database: 'app', mode: 'in-place' } as const
const NEW = ['new', 'new'] as const
const OLD = ['old'] as const

describe('a process killed while it restores', () => {
  let running: TestPostgres
  let server: PostgresServer
  let folder: string

  beforeAll(async () => {
    running = await startPostgres({ major: 18 })
    server = new PostgresServer({ url: running.url('postgres') })
    folder = await mkdtemp(join(tmpdir(), 'caf-killed-restore-'))
    await createDatabase(running, 'original')
    await inDatabase(running, 'original', async client => {
      await client.query("CREATE TABLE t (id serial PRIMARY KEY, state text); INSERT INTO t (state) VALUES ('new'), ('new'); CREATE TABLE more AS SELECT n FROM generate_series(1, 5000) n; CREATE INDEX ON more (n); SELECT lo_from_bytea(1, 'x'); COMMENT ON DATABASE original IS 'original'")
    })
    const items = await capturedItems(postgresSource({ server, database: 'original' }))
    const stored: StoredItem[] = []
    for (const { id, kind, deps, attributes, layout, read } of items) stored.push({ id, kind, deps, attributes, ...(layout !== undefined && { layout }), base64: Buffer.from(await collect(read(), { limit: 1e8 })).toString('base64') })
    await writeFile(join(folder, 'items.json'), JSON.stringify(stored))
  })
  afterAll(async () => {
    await running.stop()
    await rm(folder, { recursive: true })
  })
  beforeEach(async () => {
    await onServer('DROP DATABASE IF EXISTS app WITH (FORCE)')
    await onServer('CREATE DATABASE app')
    await inDatabase(running, 'app', async client => { await client.query("CREATE TABLE t (id serial PRIMARY KEY, state text); INSERT INTO t (state) VALUES ('old')") })
  })

  const onServer = async (sql: string): Promise<void> => { await inDatabase(running, 'postgres', async client => { await client.query(sql) }) }
  const databases = async (): Promise<string[]> => await inDatabase(running, 'postgres', async client =>
    (await client.query<{ datname: string }>("SELECT datname FROM pg_database WHERE datname LIKE 'app%' ORDER BY 1")).rows.map(({ datname }) => datname))
  /** Waits for whoever still holds the table. */
  const states = async (): Promise<string[]> => await inDatabase(running, 'app', async client => {
    await client.query('BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE')
    return (await client.query<{ state: string }>('SELECT state FROM t')).rows.map(({ state }) => state)
  })
  /** The number of statements it sent, or undefined when it was killed. */
  const run = async (about: Pick<KilledRestore, 'options' | 'act' | 'dieAfter'>): Promise<number | undefined> => {
    const told: KilledRestore = { url: running.url('postgres'), items: join(folder, 'items.json'), ...about }
    return await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'restore-process.ts'), JSON.stringify(told)])
      .then(({ stdout }) => Number(stdout), (error: unknown) => {
        expect(error).toMatchObject({ signal: 'SIGKILL' })
        return undefined
      })
  }
  const afresh = async (options: Omit<PostgresRestorerOptions, 'server'>, act: 'abort' | 'commit'): Promise<void> => {
    const restorer = postgresRestorer({ ...options, server })
    try {
      await restorer[act]()
      await restorer[act]()
    } finally {
      await restorer.close()
    }
  }

  it('leaves a database as it was, wherever in the building of the new one it dies', async () => {
    const statements = await run({ options: SWAP, act: 'prepare', dieAfter: 0 }) ?? 0
    await afresh(SWAP, 'abort')
    expect(statements).toBeGreaterThan(40)
    for (const dieAfter of [7, 8, 9, 10, Math.round(statements * 0.5), Math.round(statements * 0.8), statements - 1]) {
      expect(await run({ options: SWAP, act: 'prepare', dieAfter }), `statement ${dieAfter}`).toBeUndefined()
      await afresh(SWAP, 'abort')
      expect({ dieAfter, databases: await databases(), states: await states() }).toEqual({ dieAfter, databases: ['app'], states: OLD })
    }
  })

  it('has put the new database in its place when commit was called again, wherever in commit it died', async () => {
    await run({ options: SWAP, act: 'prepare', dieAfter: 0 })
    await onServer('ALTER DATABASE app__restoring RENAME TO built')
    const marker = encodeMarker({ owner: restoreIdentity('postgres', 'app'), state: 'ready', comment: 'original' })
    for (let dieAfter = 1; ; dieAfter++) {
      await onServer('CREATE DATABASE app__restoring TEMPLATE built')
      await onServer(`COMMENT ON DATABASE app__restoring IS '${marker}'`)
      const statements = await run({ options: SWAP, act: 'commit', dieAfter })
      await afresh(SWAP, 'commit')
      expect({ dieAfter, databases: await databases(), states: await states() }).toEqual({ dieAfter, databases: ['app'], states: NEW })
      await onServer('DROP DATABASE app WITH (FORCE)')
      await onServer('CREATE DATABASE app')
      if (statements !== undefined) break
    }
    await onServer('DROP DATABASE built')
  })

  it('leaves a database that is restored in place as it was, or wholly restored', async () => {
    await inDatabase(running, 'app', async client => { await client.query('CREATE TABLE more (n int)') })
    const statements = await run({ options: IN_PLACE, act: 'prepare', dieAfter: 0 }) ?? 0
    expect(await states()).toEqual(OLD)
    for (const dieAfter of [0.3, 0.6, 0.9].map(part => Math.round(statements * part))) {
      expect(await run({ options: IN_PLACE, act: 'prepare', dieAfter }), `statement ${dieAfter}`).toBeUndefined()
      await afresh(IN_PLACE, 'abort')
      expect({ dieAfter, states: await states() }).toEqual({ dieAfter, states: OLD })
    }
    expect(await run({ options: IN_PLACE, act: 'prepare and commit', dieAfter: 'COMMIT' })).toBeUndefined()
    await afresh(IN_PLACE, 'commit')
    expect([OLD, NEW]).toContainEqual(await states())
  })
})
