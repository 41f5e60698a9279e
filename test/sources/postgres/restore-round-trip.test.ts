import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { RestoreItem } from '../../../src/sources/source.ts'
import { collect } from '../../../src/stream.ts'
import { loadSqlFile } from '../../servers/load-sql.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { capturedItems } from './captured-items.ts'
import { createDatabase, createNastyDatabase, inDatabase } from './databases.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'data', 'pg')
const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter(name => name.endsWith('.sql')).map(name => join(FOLDER, name)) : []
if (files.length === 0) process.stderr.write(`skipping the restores of real databases: there is no ${FOLDER}\n`)

/** All of an item that another capture has to have too. */
async function fingerprint (items: readonly RestoreItem[], { sql = true } = {}): Promise<Record<string, unknown>> {
  const result: Record<string, unknown> = {}
  for (const { id, kind, deps, attributes, layout, read } of items) {
    const content = Buffer.from(await collect(read(), { limit: 2 ** 28 })).toString()
    if (kind === 'pg.database') result[id] = { ...JSON.parse(content) as object, name: '', serverVersion: '', ...(!sql && { order: [], extensions: [], locale: '' }) }
    else if (sql || kind !== 'pg.object') result[id] = { kind, attributes, layout, content: layout?.key.length === 0 ? content.split('\n').sort() : content, ...(sql && { deps }) }
  }
  return result
}

let old: TestPostgres
let recent: TestPostgres

beforeAll(async () => {
  old = await startPostgres({ major: 15 })
  recent = await startPostgres({ major: 18 })
})
afterAll(async () => {
  await old.stop()
  await recent.stop()
})

async function restored (from: TestPostgres, to: TestPostgres, database: string, copy: string): Promise<{ before: RestoreItem[], after: RestoreItem[], notes: string[] }> {
  const [source, target] = [new PostgresServer({ url: from.url('postgres') }), new PostgresServer({ url: to.url('postgres') })]
  const before = await capturedItems(postgresSource({ server: source, database }))
  const notes: string[] = []
  const restorer = postgresRestorer({ server: target, database: copy, mode: 'create', onNote: note => notes.push(note) })
  const back = new Set<string>()
  try {
    expect(await restorer.check(before)).toEqual([])
    await restorer.prepare(before, { onItem: ({ id }) => back.add(id) })
    await restorer.commit()
  } finally {
    await restorer.close()
  }
  expect([...back].sort()).toEqual(before.map(({ id }) => id).sort())
  return { before, after: await capturedItems(postgresSource({ server: target, database: copy })), notes }
}

async function load (server: TestPostgres, database: string, path: string): Promise<void> {
  await createDatabase(server, database)
  await inDatabase(server, database, async client => { await loadSqlFile(client, path) })
}

/** The roles that the files name. */
async function createRoles (server: TestPostgres, path: string): Promise<void> {
  const { readFileSync } = await import('node:fs')
  const text = readFileSync(path, 'utf8')
  const names = new Set([...text.matchAll(/(?:OWNER TO|; Owner:|\bTO|FOR ROLE) ([a-z_]+)(?=;|\n| GRANT| USING| IN SCHEMA| WITH)/g)].map(([, name]) => name!))
  await inDatabase(server, 'postgres', async client => {
    for (const name of names) if (!['public', 'current_user', 'postgres'].includes(name)) await client.query(`CREATE ROLE ${pg.escapeIdentifier(name)}`).catch(() => undefined)
  })
}

describe.each([15, 18] as const)('a restore on PostgreSQL %i gives back all that was captured', major => {
  const server = (): TestPostgres => major === 15 ? old : recent

  it('of a database with one of everything', async () => {
    await createNastyDatabase(server(), 'nasty')
    const { before, after } = await restored(server(), server(), 'nasty', 'nasty copy')
    expect(await fingerprint(after)).toEqual(await fingerprint(before))
  })

  it.each(files.map(path => [basename(path, '.sql'), path]))('of %s', async (name, path) => {
    await createRoles(server(), path)
    await load(server(), name, path)
    const { before, after } = await restored(server(), server(), name, `${name} copy`)
    expect(await fingerprint(after)).toEqual(await fingerprint(before))
  })
})
