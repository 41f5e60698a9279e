import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { loadSnapshot } from '../../src/caf/snapshot-nodes.ts'
import { readRows } from '../../src/dag/read-content.ts'
import { postgresSource } from '../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../src/sources/postgres/server.ts'
import { loadSqlFile } from '../servers/load-sql.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { TestPostgres } from '../servers/postgres.ts'
import { createDatabase, createNastyDatabase, inDatabase } from '../sources/postgres/databases.ts'
import type { BuiltSnapshot } from './sample-snapshot.ts'
import { buildSnapshot } from './sample-snapshot.ts'

const FOLDER = join(import.meta.dirname, '../../../shared/data/pg')
/** With SLOW=1 more of them. */
const names = (process.env['SLOW'] === '1' ? ['chinook', 'mondial', 'northwind', 'pagila', 'sakila', 'supabase', 'world'] : ['pagila']).filter(name => existsSync(join(FOLDER, `${name}.sql`)))

function runs (program: string, argument: string): boolean {
  try {
    execFileSync(program, [argument], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const ready = runs('psql', '--version') && runs('unzip', '-v')

async function capture (server: TestPostgres, database: string): Promise<BuiltSnapshot> {
  const held = await postgresSource({ name: 'main', server: new PostgresServer({ url: server.url('postgres') }), database }).capture()
  try {
    return await buildSnapshot(held.artifacts())
  } finally {
    await held.close()
  }
}

/** What has to be the same in a copy: everything but the database's own name and settings, and a subscription's slot. */
async function hashes ({ root, blobs }: BuiltSnapshot): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const { node: { id, hash, content } } of (await loadSnapshot(root, blobs)).nodes) {
    if (id === 'main/database' || id.includes('/SUBSCRIPTION ')) continue
    // The cut of rows with a key follows from an estimate of their length, and their hash from the cut.
    found[id] = content.form === 'bytes' || content.key.length === 0 ? hash : createHash('sha256').update(Buffer.concat(await Array.fromAsync(readRows(content, blobs)))).digest('hex')
  }
  return found
}

describe.skipIf(!ready)(`psql alone${ready ? '' : ' (skipped: there is no psql or no unzip)'}`, () => {
  let old: TestPostgres
  let recent: TestPostgres
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'caf-psql-'))
    old = await startPostgres({ major: 15 })
    recent = await startPostgres({ major: 18 })
  })
  afterAll(async () => {
    await old.stop()
    await recent.stop()
    await rm(folder, { recursive: true })
  })

  async function throughArchive (server: TestPostgres, database: string): Promise<void> {
    const before = await capture(server, database)
    const path = join(folder, `${database}.caf`), out = join(folder, database)
    await writeArchive({ snapshot: before.root, blobs: before.blobs }, createWriteStream(path))
    execFileSync('unzip', ['-q', path, '-d', out])
    await createDatabase(server, `${database} copy`)
    execFileSync('psql', ['-X', '-v', 'ON_ERROR_STOP=1', '-d', server.url(`${database} copy`), '-f', 'restore.sql'], { cwd: join(out, 'graph'), stdio: ['ignore', 'ignore', 'pipe'] })
    expect((await readFile(join(out, 'graph/restore.sql'), 'utf8')).includes('ALTER SUBSCRIPTION')).toBe(database === 'nasty')
    expect(await hashes(await capture(server, `${database} copy`))).toEqual(await hashes(before))
  }

  it.each(names)('brings back %s', async name => {
    const path = join(FOLDER, `${name}.sql`)
    await createDatabase(old, name)
    await inDatabase(old, name, async client => { await loadSqlFile(client, path) })
    await throughArchive(old, name)
  })

  it('brings back a database with one of everything', async () => {
    await createNastyDatabase(recent, 'nasty')
    await throughArchive(recent, 'nasty')
  })
})
