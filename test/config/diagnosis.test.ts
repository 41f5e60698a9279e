import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { diagnose } from '../../src/config/diagnosis.ts'
import type { Check } from '../../src/config/diagnosis.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { createFromConfig } from '../../src/config/open-config.ts'
import type { Settings } from '../../src/config/settings.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { TestPostgres } from '../servers/postgres.ts'
import { startQdrant } from '../servers/qdrant.ts'
import type { QdrantServer } from '../servers/qdrant.ts'

let folder: string
let postgres: TestPostgres
let qdrant: QdrantServer | undefined
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-test-diagnosis-'))
  ;[postgres, qdrant] = await Promise.all([startPostgres({ major: 15 }), startQdrant()])
  await asRoot(`create table public.open (id int primary key); create table public.mine (id int primary key); create role reader login password 'r';
    grant select on public.open to reader; create role auditor login password 'r'; grant pg_read_all_data to auditor`)
  const repository = await createFromConfig(await loadConfig({ cwd: folder, env: { CAF_STATE_DIR: join(folder, 'state') } }))
  await repository.close()
})
afterAll(async () => {
  await Promise.all([postgres.stop(), qdrant?.stop(), rm(folder, { recursive: true })])
})

async function asRoot (sql: string): Promise<void> {
  const client = new pg.Client(postgres.url('postgres'))
  await client.connect()
  await client.query(sql)
  await client.end()
}

async function checks (flags: Settings, env: Record<string, string> = {}): Promise<Check[]> {
  return await Array.fromAsync(diagnose(await loadConfig({ cwd: folder, flags, env: { CAF_STATE_DIR: join(folder, 'state'), ...env } })))
}
const of = (found: readonly Check[], subject: string): Check[] => found.filter(check => check.subject === subject)
const as = (user: string): string => `postgres://${user}@${postgres.host}:${postgres.port}/postgres`

describe('the doctor', () => {
  it('finds a PostgreSQL server, its version, our rights and a pg_dump', async () => {
    const found = of(await checks({ postgresUrl: postgres.url('postgres') }), 'postgres')
    expect(found.map(({ status }) => status)).toEqual(['ok', 'ok', 'ok'])
    expect(found[0]!.text).toMatch(new RegExp(String.raw`^PostgreSQL 15\.\d+ at 127\.0\.0\.1:${postgres.port}, database postgres, `))
  })

  it('takes the password from PGPASSWORD, and knows a wrong one', async () => {
    expect(of(await checks({ postgresUrl: as('auditor') }, { PGPASSWORD: 'r' }), 'postgres').map(({ status }) => status)).toEqual(['ok', 'ok', 'ok'])
    expect(of(await checks({ postgresUrl: as('auditor') }, { PGPASSWORD: 'wrong' }), 'postgres')).toMatchObject([{ status: 'failed', code: 'SOURCE_AUTH' }])
  })

  it('names the tables that may not be read, and those whose rows are hidden', async () => {
    expect(of(await checks({ postgresUrl: as('reader') }, { PGPASSWORD: 'r' }), 'postgres')[1]).toEqual({ subject: 'postgres', status: 'failed', code: 'SOURCE_DENIED', text: 'may not read public.mine: grant pg_read_all_data to the user' })
    await asRoot('alter table public.mine enable row level security')
    expect(of(await checks({ postgresUrl: as('auditor') }, { PGPASSWORD: 'r' }), 'postgres')[1]).toMatchObject({ code: 'ROW_SECURITY', text: expect.stringContaining('public.mine') as string })
    await asRoot('alter table public.mine disable row level security')
  })

  it('says what is missing', async () => {
    expect(of(await checks({ postgresUrl: postgres.url('nowhere') }), 'postgres')).toMatchObject([{ code: 'SOURCE_MISSING' }])
    expect(of(await checks({ postgresUrl: postgres.url('') }), 'postgres')).toMatchObject([{ code: 'CONFIG_INVALID', text: expect.stringContaining('names no database') as string }])
    expect(of(await checks({ filesFolder: 'nowhere' }), 'files')).toMatchObject([{ code: 'SOURCE_MISSING' }])
    expect(of(await checks({ repository: 'nowhere' }), 'repository')).toMatchObject([{ code: 'REPOSITORY_MISSING' }])
    expect(of(await checks({}), 'sources')).toMatchObject([{ code: 'CONFIG_INVALID' }])
  })

  it('goes on after what failed', async () => {
    await mkdir(join(folder, 'there'))
    const found = await checks({ postgresUrl: 'postgres://u@127.0.0.1:1/db', filesFolder: 'there' })
    expect([...of(found, 'postgres'), ...of(found, 'files')]).toMatchObject([{ code: 'SOURCE_UNREACHABLE' }, { status: 'ok' }])
  })

  it('finds a Qdrant server', async ({ skip }) => {
    if (qdrant === undefined) return skip('there is no Qdrant server for this machine')
    expect(of(await checks({ qdrantUrl: qdrant.url }), 'qdrant')).toEqual([{ subject: 'qdrant', status: 'ok', text: `Qdrant ${qdrant.version} at ${qdrant.url} has 0 collections` }])
    expect(of(await checks({ qdrantUrl: 'http://127.0.0.1:1' }), 'qdrant')).toMatchObject([{ code: 'SOURCE_UNREACHABLE' }])
  })
})
