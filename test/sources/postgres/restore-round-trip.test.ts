import { existsSync, readFileSync, readdirSync } from 'node:fs'
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
import type { PostgresMajor } from '../../servers/postgres-binaries.ts'
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
    // A subscription comes back without its slot.
    if (id.includes('/object/SUBSCRIPTION ')) result[id] = content.replace(/slot_name = [^,]*/, '')
    else if (kind === 'pg.database') result[id] = { ...JSON.parse(content) as object, name: '', serverVersion: '', ...(!sql && { order: [], extensions: [], locale: '', memberships: [] }) }
    else if (sql || kind !== 'pg.object') result[id] = { kind, attributes, layout, content: layout?.key.length === 0 ? content.split('\n').sort() : content, ...(sql && { deps }) }
  }
  return result
}

let old: TestPostgres
let recent: TestPostgres

beforeAll(async () => {
  old = await startPostgres({ major: 15 })
  recent = await startPostgres({ major: 18 })
  for (const server of [old, recent]) await createNastyDatabase(server, 'nasty')
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
  const text = readFileSync(path, 'utf8')
  const names = new Set([...text.matchAll(/(?:OWNER TO|; Owner:|\bTO|FOR ROLE) ([a-z_]+)(?=;|\n| GRANT| USING| IN SCHEMA| WITH)/g)].map(([, name]) => name!))
  await inDatabase(server, 'postgres', async client => {
    for (const name of names) if (!['public', 'current_user', 'postgres'].includes(name)) await client.query(`CREATE ROLE ${pg.escapeIdentifier(name)}`).catch(() => undefined)
  })
}

type Pair = readonly [PostgresMajor, PostgresMajor]

const PAIRS: readonly Pair[] = [[15, 15], [18, 18], [15, 18], [18, 15]]
/** With SLOW=1 every file goes every way, else each file one way. */
const journeys = files.flatMap((path, index) => (process.env['SLOW'] === '1' ? PAIRS : [PAIRS[index % 3]!]).map(([from, to]) => ({ from, to, path, name: basename(path, '.sql') })))

const on = (major: PostgresMajor): TestPostgres => major === 15 ? old : recent

/** Definitions are comparable within one major version, rows always. */
async function expectEqual ({ before, after }: { readonly before: readonly RestoreItem[], readonly after: readonly RestoreItem[] }, [from, to]: Pair): Promise<void> {
  expect(await fingerprint(after, { sql: from === to })).toEqual(await fingerprint(before, { sql: from === to }))
}

describe('a restore gives back all that was captured', () => {
  it.each(PAIRS.slice(0, 3))('of a database with one of everything, from PostgreSQL %i to %i', async (from, to) => {
    const { notes, ...both } = await restored(on(from), on(to), 'nasty', `nasty from ${from}`)
    await expectEqual(both, [from, to])
    expect(notes).toContainEqual(expect.stringContaining('Subscription from_elsewhere comes back disabled'))
  })

  it('of a database with one of everything, in place', async () => {
    const server = new PostgresServer({ url: recent.url('postgres') })
    const before = await capturedItems(postgresSource({ server, database: 'nasty' }))
    await createDatabase(recent, 'in place')
    const restorer = postgresRestorer({ server, database: 'in place', mode: 'in-place' })
    expect(await restorer.check(before)).toEqual([])
    await restorer.prepare(before)
    await restorer.commit()
    await restorer.close()
    await expectEqual({ before, after: await capturedItems(postgresSource({ server, database: 'in place' })) }, [18, 18])
  })

  it.each(journeys)('of $name, from PostgreSQL $from to $to', async ({ name, path, from, to }) => {
    for (const server of new Set([on(from), on(to)])) await createRoles(server, path)
    await load(on(from), `${name} to ${to}`, path)
    await expectEqual(await restored(on(from), on(to), `${name} to ${to}`, `${name} from ${from}`), [from, to])
  })
})
