import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodePca, computePca } from '../../src/sources/matrix/pca.ts'
import { connectQdrant } from '../../src/sources/qdrant/connection.ts'
import { readVectors } from '../../src/sources/qdrant/read-vectors.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { TestPostgres } from '../servers/postgres.ts'
import { startQdrant } from '../servers/qdrant.ts'
import type { QdrantServer } from '../servers/qdrant.ts'
import { flipBit } from './damage.ts'
import { runHere } from './run-here.ts'

const POINTS = 60
const DIMENSIONS = 8

let folder: string
let postgres: TestPostgres
let qdrant: QdrantServer | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-test-cli-servers-'))
  ;[postgres, qdrant] = await Promise.all([startPostgres({ major: 18 }), startQdrant()])
  await sql('postgres', 'create database psyche')
  await sql('psyche', `create table public.facts (id int primary key, content text not null); create table public.users (id int primary key, name text);
    insert into public.facts select g, 'fact ' || g from generate_series(1, 500) g; insert into public.users values (1, 'Alice');
    create table public.project (slug text primary key, metadata jsonb not null); insert into public.project values ('psyche', '{}'), ('copy', '{}')`)
  if (qdrant !== undefined) await fillQdrant(qdrant)
  await writeFile(join(folder, 'caf.config.json'), JSON.stringify({
    project: 'psyche',
    sources: {
      postgres: { url: { env: 'DATABASE_URL' } },
      ...(qdrant !== undefined && {
        qdrant: { url: qdrant.url, digest: 'points' },
        matrices: { folder: 'matrices', computed: [{ matrix: 'pca', from: 'qdrant/collection/facts', components: 3 }] },
      }),
    },
  }))
})
afterAll(async () => {
  await Promise.all([postgres.stop(), qdrant?.stop(), rm(folder, { recursive: true })])
})

async function fillQdrant ({ url }: QdrantServer): Promise<void> {
  const server = connectQdrant({ url })
  await server.client.createCollection('facts', { vectors: { size: DIMENSIONS, distance: 'Dot' } })
  const points = Array.from({ length: POINTS }, (_, id) => ({ id, vector: Array.from({ length: DIMENSIONS }, (_value, column) => Math.sin(id * (column + 1))), payload: { fact: id } }))
  await server.client.upsert('facts', { wait: true, points })
  await mkdir(join(folder, 'matrices'))
  await writeFile(join(folder, 'matrices/pca.npy'), encodePca(await computePca(readVectors(server, 'facts'), { components: 3 })).components)
}

async function sql (database: string, text: string): Promise<Array<Record<string, unknown>>> {
  const client = new pg.Client(postgres.url(database))
  await client.connect()
  try {
    const results = await client.query<Record<string, unknown>>(text)
    return Array.isArray(results) ? [] : results.rows
  } finally {
    await client.end()
  }
}

async function caf<T = Record<string, unknown>> (line: string, expected = 0): Promise<T> {
  const { status, stdout, stderr } = await runHere([...line.split(' '), '--json'], { cwd: folder, env: { DATABASE_URL: postgres.url('psyche'), CAF_STATE_DIR: join(folder, '.state') } })
  expect({ status, stderr: expected === 0 ? stderr : '' }).toEqual({ status: expected, stderr: '' })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as T
}

describe('the command line with servers', () => {
  let snapshot: string

  it('takes a snapshot of all of them', async () => {
    expect(await caf('init')).toHaveProperty('id')
    expect(await caf('doctor')).toMatchObject({ ok: true })
    const created = await caf<{ id: string, summaries: Array<{ name: string }> }>('snapshot -t first')
    snapshot = created.id
    expect(created.summaries.map(({ name }) => name)).toEqual(qdrant === undefined ? ['postgres'] : ['postgres', 'qdrant', 'matrices'])
    expect(await caf('verify --read-data all')).toMatchObject({ ok: true })
  })

  it('finds nothing to do where everything is there', async () => {
    expect(await caf('restore latest')).toMatchObject({ restored: 0 })
  })

  it('restores all of it beside what is there', async ({ skip }) => {
    if (qdrant === undefined) return skip('there is no Qdrant server for this machine')
    const outcome = await caf(`restore ${snapshot} --to-database copy --to-collection facts=facts-copy --to-folder copy`)
    expect(outcome).not.toHaveProperty('preserved')
    expect(await sql('copy', 'select count(*)::int as n from public.facts')).toEqual([{ n: 500 }])
    expect((await connectQdrant({ url: qdrant.url }).client.count('facts-copy')).count).toBe(POINTS)
    expect(await readFile(join(folder, 'copy/pca.npy'))).toEqual(await readFile(join(folder, 'matrices/pca.npy')))
  })

  it('refuses a database that exists, and replaces it when told to', async () => {
    await sql('psyche', "update public.facts set content = 'changed' where id = 7; delete from public.users")
    expect(await caf(`restore ${snapshot} --node postgres/rows/public.facts --to-database postgres=scratch --no-deps`)).toMatchObject({ snapshotId: snapshot })
    expect(await caf(`restore ${snapshot}`, 5)).toMatchObject({ error: { code: 'TARGET_EXISTS' } })
    const { preserved } = await caf<{ preserved: string }>(`restore ${snapshot} --replace`)
    expect(await sql('psyche', 'select content from public.facts where id = 7')).toEqual([{ content: 'fact 7' }])
    const ofChange = await runHere(['diff', snapshot, preserved, '--rows', 'postgres/rows/public.facts'], { cwd: folder, env: { DATABASE_URL: postgres.url('psyche'), CAF_STATE_DIR: join(folder, '.state') } })
    expect(ofChange.stdout).toBe('- 7\\u0009fact 7\n+ 7\\u0009changed\n')
  })

  it('puts one table back into a database as it is, and into another schema', async () => {
    await sql('psyche', "update public.facts set content = 'changed again' where id = 9; insert into public.users values (2, 'Bob')")
    const { preserved } = await caf<{ preserved: string }>(`restore ${snapshot} --table facts`)
    expect(await sql('psyche', 'select content from public.facts where id = 9')).toEqual([{ content: 'fact 9' }])
    expect(await sql('psyche', 'select count(*)::int as n from public.users')).toEqual([{ n: 2 }])
    expect(await caf(`show ${preserved}`)).toMatchObject({ project: 'psyche.before-restore' })
    await sql('psyche', 'create schema old')
    expect(await caf(`restore ${snapshot} --table public.users --to-schema public=old --no-preserve-history`)).toMatchObject({ snapshotId: snapshot })
    expect(await sql('psyche', 'select name from old.users')).toEqual([{ name: 'Alice' }])
    expect(await sql('psyche', 'select count(*)::int as n from public.users')).toEqual([{ n: 2 }])
  })

  it('imports an archive into a project and a database of its own', async () => {
    await caf('export latest psyche.caf --table facts')
    await caf('init --repository elsewhere')
    const imported = await caf('import psyche.caf --accept-unsigned --repository elsewhere --as cheshire --to-database cheshire') // a part of a snapshot stands in no log
    expect(imported).toMatchObject({ project: 'cheshire' })
    expect(await sql('cheshire', 'select count(*)::int as n from public.facts')).toEqual([{ n: 500 }])
    expect(await sql('cheshire', "select to_regclass('public.users') as users")).toEqual([{ users: null }])
  })

  it('computes a matrix again whose stored bytes are lost', async ({ skip }) => {
    if (qdrant === undefined) return skip('there is no Qdrant server for this machine')
    expect(await flipBit(join(folder, '.backups'), await readFile(join(folder, 'matrices/pca.npy')))).toBe(1)
    expect(await caf('verify --read-data all', 3)).toMatchObject({ ok: false })
    expect(await caf('restore latest --matrix pca --to-folder again')).toMatchObject({ restored: 1, recomputed: 1 })
    expect(await readFile(join(folder, 'again/pca.npy'))).toEqual(await readFile(join(folder, 'matrices/pca.npy')))
    const { collections } = await connectQdrant({ url: qdrant.url }).client.getCollections()
    expect(collections.map(({ name }) => name).filter(name => !name.startsWith('facts'))).toEqual([])
  })
})
