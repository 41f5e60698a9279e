import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { escapeValue } from '../../src/chunking/copy-text.ts'
import type { Artifact } from '../../src/sources/source.ts'
import { startPostgres } from '../servers/postgres.ts'
import { artifact, buildSnapshot, bytesContent, noise, rowsContent } from './sample-snapshot.ts'

const runs = (program: string, ...args: string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
const missing = ['psql', 'unzip'].filter(program => !runs(program, program === 'psql' ? '--version' : '-v'))

const ODD = 'line\nend "q" \'a\' \\d / ü.t'
const ACL = '{blob_owner=rw/blob_owner,"\\"blob \\"\\"reader\\"=r*/blob_owner","=r/\\"blob \\"\\"reader\\""}'
const longText = noise('long', 60_000).toString('hex')

function object (place: number, section: 'pre-data' | 'post-data', sql: string): Artifact {
  return artifact(`db/object/OBJECT ${place}`, 'pg.object', bytesContent(sql), { attributes: { type: 'OBJECT', tag: String(place), section } })
}

function rows (schema: string, table: string, columns: readonly string[], text: string): Artifact {
  return artifact(`db/rows/${schema}.${table}`, 'pg.rows', rowsContent(text, columns), { attributes: { schema, table, columns: [...columns] } })
}

const quoted = pg.escapeIdentifier(ODD)
const artifacts: Artifact[] = [
  artifact('db/database', 'pg.database', bytesContent(JSON.stringify({
    name: 'app\nSELECT 1/0;', encoding: 'UTF8', serverVersion: '15.18', roles: [{ name: 'owner\n\\! touch /tmp/never' }], extensions: [],
    order: [3, 1, 2, 4, 5, 6].map(place => `db/object/OBJECT ${place}`),
  }))),
  object(3, 'pre-data', `CREATE SCHEMA ${quoted};\n`),
  object(1, 'pre-data', 'CREATE TABLE public.plain (id integer GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.plain_id_seq) NOT NULL, body text, twice integer GENERATED ALWAYS AS (id * 2) STORED);\n'),
  object(2, 'pre-data', `CREATE TABLE ${quoted}.${quoted} (${quoted} text, n integer GENERATED ALWAYS AS IDENTITY);\nCREATE TABLE public."Plain" (a text);\n`),
  object(4, 'post-data', 'ALTER TABLE ONLY public.plain ADD CONSTRAINT plain_pkey PRIMARY KEY (id);\n'),
  object(5, 'pre-data', 'CREATE MATERIALIZED VIEW public.totals AS SELECT pg_catalog.count(*) AS n FROM public.plain WITH NO DATA;\n'),
  object(6, 'post-data', 'CREATE UNIQUE INDEX totals_n ON public.totals (n);\n'),
  rows('public', 'plain', ['id', 'body'], `1\tone\n2\t${longText}\n7\t\\N\n8\ttab\\tand \\\\ and ü\n`),
  rows('public', 'Plain', ['a'], 'x\n\\\\.\n'),
  rows(ODD, ODD, [ODD, 'n'], 'first\t5\nsecond\t6\n'),
  artifact('db/sequence/public.plain_id_seq', 'pg.sequence', bytesContent('{"isCalled":true,"lastValue":"41"}'), { attributes: { schema: 'public', name: 'plain_id_seq' } }),
  artifact('db/refresh/public.totals', 'pg.refresh', bytesContent('REFRESH MATERIALIZED VIEW public.totals;\n'), { attributes: { schema: 'public', view: 'totals' }, deps: ['db/rows/public.plain'] }),
  artifact('db/blobs', 'pg.blobs', rowsContent(`4711\t0\t\\\\x${'61'.repeat(2048)}\n4711\t2\t\\\\x6263\n`, ['loid', 'page', 'data'])),
  artifact('db/blobs-owners', 'pg.blobs', rowsContent(`4711\tblob_owner\t${escapeValue(ACL)}\n4712\tpostgres\t\\N\n`, ['loid', 'owner', 'acl'])),
]

describe.skipIf(missing.length > 0)(`restore.sql${missing.length > 0 ? ` (skipped: there is no ${missing.join(', no ')})` : ''}`, () => {
  it('brings a database back with psql alone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'caf-psql-'))
    const server = await startPostgres({ major: 15 })
    const client = new pg.Client({ connectionString: server.url('postgres') })
    try {
      const { root, blobs } = await buildSnapshot(artifacts)
      await writeArchive({ snapshot: root, blobs }, createWriteStream(join(folder, 'a.caf')))
      execFileSync('unzip', ['-q', join(folder, 'a.caf'), '-d', join(folder, 'out')])
      await client.connect()
      await client.query('CREATE ROLE blob_owner; CREATE ROLE "blob ""reader"')
      expect(await readFile(join(folder, 'out/graph/restore.sql'), 'utf8')).toContain('-- Needs these roles: "owner\\n\\\\! touch /tmp/never"')
      execFileSync('psql', ['-X', '-v', 'ON_ERROR_STOP=1', '-d', server.url('postgres'), '-f', 'restore.sql'], { cwd: join(folder, 'out/graph'), stdio: ['ignore', 'ignore', 'pipe'] })
      const all = async (sql: string): Promise<unknown[]> => (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows.flat()
      expect(await all('SELECT id, body, twice FROM public.plain ORDER BY id')).toEqual([1, 'one', 2, 2, longText, 4, 7, null, 14, 8, 'tab\tand \\ and ü', 16])
      expect(await all('SELECT a FROM public."Plain" ORDER BY a')).toEqual(['\\.', 'x'])
      expect(await all(`SELECT * FROM ${quoted}.${quoted} ORDER BY n`)).toEqual(['first', 5, 'second', 6])
      expect(await all('SELECT last_value::int, is_called FROM public.plain_id_seq')).toEqual([41, true])
      expect(await all('SELECT n::int FROM public.totals')).toEqual([4])
      expect(await all("SELECT count(*)::int FROM pg_indexes WHERE indexname IN ('totals_n', 'plain_pkey')")).toEqual([2])
      expect(await all('SELECT md5(lo_get(4711)), length(lo_get(4712))')).toEqual([...await all('SELECT md5(repeat(\'a\', 2048)::bytea || decode(repeat(\'00\', 2048), \'hex\') || \'bc\'::bytea)'), 0])
      expect(await all('SELECT lomowner::regrole::text, lomacl::text FROM pg_largeobject_metadata ORDER BY oid')).toEqual([
        'blob_owner', ACL, 'postgres', null,
      ])
    } finally {
      await client.end()
      await server.stop()
      await rm(folder, { recursive: true })
    }
  })
})
