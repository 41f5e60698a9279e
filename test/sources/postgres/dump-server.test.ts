import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chooseDumper } from '../../../src/sources/postgres/dump.ts'
import { nativeDumpMajor } from '../../../src/sources/postgres/dump-native.ts'
import { wasmDump } from '../../../src/sources/postgres/dump-wasm.ts'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured } from './captured-artifacts.ts'
import { createDatabase, inDatabase } from './databases.ts'
import { PATIENT } from './patience.ts'

const ARGS = ['--schema-only', '--verbose', '--no-password']
const nativeMajor = await nativeDumpMajor('pg_dump').catch(() => undefined)
if (nativeMajor === undefined) process.stderr.write('skipping what needs an installed pg_dump: there is none\n')

let postgres: TestPostgres
let server: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres({ major: 15 })
  server = new PostgresServer({ url: postgres.url('x') })
  await server.release(await server.connect('postgres')) // finds out about TLS
  await inDatabase(postgres, 'postgres', async client => {
    await client.query('CREATE TABLE a (id integer PRIMARY KEY); CREATE VIEW v AS SELECT * FROM a; COMMENT ON VIEW v IS \'x\'')
  })
  await createDatabase(postgres, 'restricted')
  await inDatabase(postgres, 'restricted', async client => {
    await client.query("CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''\n\\restrict me\n'''")
  })
})
afterAll(async () => { await postgres.stop() })

async function sessions (): Promise<number | null> {
  return await inDatabase(postgres, 'postgres', async client => (await client.query("SELECT FROM pg_stat_activity WHERE application_name IN ('pg_dump', 'caf')")).rowCount)
}

describe('the built-in pg_dump', () => {
  it('dumps long texts whole', async () => {
    await createDatabase(postgres, 'long')
    await inDatabase(postgres, 'long', async client => {
      await client.query(`COMMENT ON SCHEMA public IS '${'ünï '.repeat(1_000_000)}'`)
    })
    const text = await wasmDump(server.endpoint, { database: 'long', tls: server.tls, args: ARGS })
    expect(text).toContain(`COMMENT ON SCHEMA public IS '${'ünï '.repeat(1_000_000)}';`)
  })

  it('refuses a schema of which it would lose a line', async () => {
    await expect(postgresSource({ server, database: 'restricted' }).capture()).rejects.toMatchObject({ code: 'SOURCE_UNSUPPORTED' })
    expect(await sessions()).toBe(0)
  })

  it('says why it failed, without the password', async () => {
    const failure = await wasmDump(server.endpoint, { database: 'postgres', tls: server.tls, args: [...ARGS, '--snapshot=no-such'] }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'SOURCE_CHANGED', message: expect.stringContaining('pg_dump: error: query failed: ERROR:  invalid snapshot identifier') as string })
    expect(String(failure)).not.toContain(postgres.password)
  })

  it('says when the password is wrong', async () => {
    await expect(wasmDump({ ...server.endpoint, password: "wro'ng \\" }, { database: 'postgres', tls: server.tls, args: ARGS })).rejects.toMatchObject({ message: expect.stringContaining('password authentication failed') as string })
  })

  it('stops at once when the signal is aborted, also while it waits for a lock', async () => {
    await inDatabase(postgres, 'postgres', async client => {
      await client.query('BEGIN; LOCK TABLE a')
      const controller = new AbortController()
      const outcome = expect(wasmDump(server.endpoint, { database: 'postgres', tls: server.tls, args: ARGS, signal: controller.signal })).rejects.toThrow('no longer wanted')
      await expect.poll(async () => (await client.query("SELECT FROM pg_locks WHERE NOT granted AND relation = 'a'::regclass")).rowCount, PATIENT).toBe(1)
      controller.abort(new Error('no longer wanted'))
      await outcome
      await client.query('ROLLBACK')
    })
    await expect.poll(sessions, PATIENT).toBe(0)
  })

  it('says that the connection was lost in the middle', async () => {
    await inDatabase(postgres, 'postgres', async client => {
      await client.query('BEGIN; LOCK TABLE a')
      const outcome = expect(wasmDump(server.endpoint, { database: 'postgres', tls: server.tls, args: ARGS })).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
      await expect.poll(async () => (await client.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'a'::regclass")).rowCount, PATIENT).toBe(1)
      await outcome
    })
  })
})

describe('the choice of pg_dump', () => {
  it('refuses a server that is newer than it', async () => {
    await expect(chooseDumper(server, { serverMajor: 19 })).rejects.toMatchObject({ code: 'SOURCE_VERSION' })
  })

  it.each(['/no/such/pg_dump', process.execPath])('refuses %s', async program => {
    await expect(postgresSource({ server, database: 'postgres', pgDump: program }).capture()).rejects.toMatchObject({ code: 'TOOL_MISSING' })
    await expect.poll(sessions, PATIENT).toBe(0)
  })

  it.skipIf(nativeMajor === undefined || nativeMajor < 15)('takes an installed one, which finds the same objects', async () => {
    const ids = async (pgDump: string): Promise<string[]> => [...(await captured(postgresSource({ server, database: 'postgres', pgDump }))).artifacts.keys()]
    expect(await ids('native')).toEqual(await ids('wasm'))
  })

  it.skipIf(nativeMajor === undefined || nativeMajor < 15)('keeps every line with an installed one', async () => {
    const { artifacts } = await captured(postgresSource({ server, database: 'restricted', pgDump: 'native' }))
    expect(artifacts.get('postgres/object/FUNCTION public.f()')?.text).toContain('\n\\restrict me\n')
  })
})
