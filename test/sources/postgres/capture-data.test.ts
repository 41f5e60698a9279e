import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { loadSqlFile } from '../../servers/load-sql.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured, linesOf } from './captured-artifacts.ts'
import { createDatabase, inDatabase } from './databases.ts'

const FOLDER = join(import.meta.dirname, '..', '..', '..', '..', 'shared', 'data', 'pg')
const files = existsSync(FOLDER) ? readdirSync(FOLDER).filter(name => name.endsWith('.sql')) : []
if (files.length === 0) process.stderr.write(`skipping the captures of real databases: there is no ${FOLDER}\n`)

/** Databases that are captured twice. */
const MANY_KINDS = new Set(['pagila', 'supabase'])

const COUNTS = `
  SELECT format('%I.%I', n.nspname, c.relname) AS name, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM ONLY %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::int AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')`

describe.skipIf(files.length === 0).each([15, 18] as const)('real databases on PostgreSQL %i', major => {
  let postgres: TestPostgres

  beforeAll(async () => { postgres = await startPostgres({ major }) })
  afterAll(async () => { await postgres.stop() })

  it.each(files)('captures all rows of %s', async file => {
    const database = basename(file, '.sql')
    await createDatabase(postgres, database)
    const counts = await inDatabase(postgres, database, async client => {
      await loadSqlFile(client, join(FOLDER, file))
      return (await client.query<{ name: string, rows: number }>(COUNTS)).rows
    })
    const source = postgresSource({ server: new PostgresServer({ url: postgres.url('x') }), database })
    const { artifacts } = await captured(source)
    for (const { name, rows } of counts) expect(linesOf(artifacts.get(`postgres/rows/${name}`)?.text), name).toHaveLength(rows)
    for (const [id, { deps }] of artifacts) for (const dep of deps) expect(artifacts.has(dep), `${id} needs ${dep}`).toBe(true)
    if (major === 18 && MANY_KINDS.has(database)) expect((await captured(source)).artifacts).toEqual(artifacts)
  })
})
