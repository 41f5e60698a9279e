import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Source } from '../../../src/sources/source.ts'
import { sourceCompliance } from '../../compliance/source.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured, linesOf } from './captured-artifacts.ts'
import type { Captured, CapturedArtifact } from './captured-artifacts.ts'
import { createDatabase, createNastyDatabase, inDatabase } from './databases.ts'
import { replay } from './replay.ts'
import { PATIENT } from './patience.ts'

/** mulberry32 */
function seeded (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Without the database's name and what is about it as a whole; rows without a key in any order. */
function comparable (artifacts: ReadonlyMap<string, CapturedArtifact>): Record<string, unknown> {
  return Object.fromEntries([...artifacts].filter(([id]) => id !== 'postgres/database' && id !== 'postgres/blobs-owners').map(([id, artifact]) => [
    id, artifact.layout?.key.length === 0 ? { ...artifact, text: linesOf(artifact.text).toSorted() } : artifact,
  ]))
}

describe.each([15, 18] as const)('a database with one of everything, on PostgreSQL %i', major => {
  const DATABASE = 'na"sty ünï'
  let postgres: TestPostgres
  let server: PostgresServer
  let source: Source
  let whole: Captured

  const of = (id: string): CapturedArtifact => {
    const found = whole.artifacts.get(id)
    if (found === undefined) throw new Error(`${id} is not among ${[...whole.artifacts.keys()].join(', ')}`)
    return found
  }
  const rows = (table: string): string[] => linesOf(of(`postgres/rows/public.${table}`).text)

  beforeAll(async () => {
    postgres = await startPostgres({ major })
    await createNastyDatabase(postgres, DATABASE)
    server = new PostgresServer({ url: postgres.url('x') })
    source = postgresSource({ server, database: DATABASE })
    whole = await captured(source)
  })
  afterAll(async () => { await postgres.stop() })

  if (major === 18) sourceCompliance(async () => ({
    source,
    held: async () => await inDatabase(postgres, 'postgres', async client => {
      const count = async (): Promise<number> => (await client.query<{ count: number }>("SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name IN ('caf', 'pg_dump')")).rows[0]?.count ?? 0
      await expect.poll(count, PATIENT).toBe(0) // the server ends a session a moment after its client
      return await count()
    }),
  }))

  it('has deps that exist, ascend, and make no circle', () => {
    const done = new Set<string>()
    const visit = (id: string, path: readonly string[]): void => {
      if (path.includes(id)) throw new Error(`circle: ${[...path, id].join(' -> ')}`)
      if (done.has(id)) return
      for (const dep of of(id).deps) visit(dep, [...path, id])
      done.add(id)
    }
    for (const [id, { deps }] of whole.artifacts) {
      visit(id, [])
      expect(deps).toEqual([...deps].sort())
    }
  })

  it.each([1, 2])('comes back whole in any order that the deps allow (%i)', async seed => {
    const copy = `copy ${seed}`
    await createDatabase(postgres, copy)
    await inDatabase(postgres, copy, async client => { await replay(client, whole.artifacts, seeded(seed)) })
    const again = await captured(postgresSource({ server, database: copy }))
    expect(comparable(again.artifacts)).toEqual(comparable(whole.artifacts))
  })

  it('is the same for an object wherever it stands in the dump', async () => {
    await inDatabase(postgres, DATABASE, async client => {
      await client.query('CREATE FUNCTION aaa() RETURNS integer LANGUAGE sql AS \'SELECT 1\'; CREATE TABLE aaa (id integer PRIMARY KEY) TABLESPACE nasty_space')
      const more = await captured(source)
      await client.query('DROP FUNCTION aaa; DROP TABLE aaa')
      const added = [...more.artifacts.keys()].filter(id => !whole.artifacts.has(id))
      expect(added.sort()).toEqual(['postgres/object/CONSTRAINT aaa_pkey on public.aaa', 'postgres/object/FUNCTION public.aaa()', 'postgres/object/TABLE public.aaa', 'postgres/rows/public.aaa'])
      for (const [id, artifact] of whole.artifacts) if (id !== 'postgres/database') expect(more.artifacts.get(id)).toEqual(artifact)
    })
  })

  it('keeps numbers that differ from server to server out of everything', () => {
    for (const [id, { text, attributes, kind }] of whole.artifacts) {
      if (kind !== 'pg.object') continue
      expect(text, id).not.toMatch(/^-- (TOC entry (?!1 |2 )|Completed|Dumped|PostgreSQL database)/m)
      expect(JSON.stringify(attributes), id).not.toMatch(/\boid\b/i)
    }
  })

  it('takes bodies that look like pg_dump\'s own comments as they are', () => {
    expect(of('postgres/object/FUNCTION public.trap()').text).toContain('-- Name: fake; Type: TABLE; Schema: public; Owner: nobody\n--\n  -- ; CREATE TABLE injected ();')
    expect(of('postgres/object/COMMENT FUNCTION public.trap()').text).toContain('-- Name: fake2; Type: TABLE')
    expect([...whole.artifacts.keys()].filter(id => id.includes('fake') || id.includes('injected'))).toEqual([])
  })

  it('tells apart what has the same name', () => {
    expect(of('postgres/object/FUNCTION other.atomic(integer)').text).not.toBe(of('postgres/object/FUNCTION public.atomic(integer)').text)
    expect(of('postgres/rows/"Sche.ma ""q"" ünï"."Ta.ble ""q"" ünï"').attributes).toMatchObject({ schema: 'Sche.ma "q" ünï', table: 'Ta.ble "q" ünï', columns: ['new\nline', 'tab\tbed'] })
  })

  it('says what belongs to what', () => {
    expect(of('postgres/object/ACL COLUMN public.secrets.text').attributes).toMatchObject({ type: 'ACL', schema: 'public', section: 'post-data', of: 'postgres/object/TABLE public.secrets' })
    expect(of('postgres/object/DEFAULT for public."Ta.ble ""q"" ünï".serial').attributes).toMatchObject({ section: 'pre-data', of: 'postgres/object/TABLE public."Ta.ble ""q"" ünï"' })
    expect(of('postgres/object/COMMENT INDEX public.partial_index').attributes).toMatchObject({ section: 'post-data', of: 'postgres/object/INDEX public.partial_index' })
    expect(of('postgres/object/POLICY mine on public.secrets').attributes).toMatchObject({ schema: 'public', owner: 'postgres', tag: 'secrets mine' })
    expect(of('postgres/object/SEQUENCE OWNED BY public."Ta.ble ""q"" ünï_serial_seq"').deps).toEqual(['postgres/object/SEQUENCE public."Ta.ble ""q"" ünï_serial_seq"', 'postgres/object/TABLE public."Ta.ble ""q"" ünï"'])
  })

  it('puts indexes, constraints and triggers after the rows, and foreign keys in a circle too', () => {
    expect(of('postgres/object/FK CONSTRAINT laid on public.chicken').deps).toEqual(expect.arrayContaining(['postgres/rows/public.chicken', 'postgres/rows/public.egg', 'postgres/object/CONSTRAINT egg_pkey on public.egg']))
    expect(of('postgres/object/INDEX public.events_n_idx').deps).toEqual(expect.arrayContaining(['postgres/rows/public.events_2025', 'postgres/rows/public.a_events_2026_eu', 'postgres/rows/other.events_2026_rest']))
    expect(of('postgres/object/TRIGGER "touch;it" on public.parent').deps).toEqual(['postgres/object/FUNCTION public.touch()', 'postgres/object/TABLE public.parent', 'postgres/rows/public.parent'])
    expect(of('postgres/rows/public.egg').deps).toEqual(['postgres/object/TABLE public.egg'])
  })

  it('reaches a view through a constraint, and a right on an extension\'s function through the extension', () => {
    expect(of('postgres/object/RULE "_RETURN" on public.grouped').deps).toEqual(['postgres/object/CONSTRAINT parent_pkey on public.parent', 'postgres/object/TABLE public.parent', 'postgres/object/VIEW public.grouped'])
    expect(of('postgres/object/ACL FUNCTION public.hstore_to_json(public.hstore)').deps).toContain('postgres/object/EXTENSION hstore')
  })

  it('refreshes the views that were filled, one after what it reads', () => {
    expect([...whole.artifacts.keys()].filter(id => id.includes('/refresh/')).sort()).toEqual(['postgres/refresh/public."Counted Again"', 'postgres/refresh/public.counted'])
    expect(of('postgres/refresh/public."Counted Again"').deps).toEqual(expect.arrayContaining(['postgres/refresh/public.counted', 'postgres/rows/public.egg', 'postgres/rows/public.events_2025']))
  })

  it('keeps tablespaces with the objects that have one', () => {
    expect(of('postgres/object/TABLE public.on_space').text).toMatch(/^SET default_tablespace = nasty_space;\n[^]*\nSET default_tablespace = '';\n$/)
    expect(of('postgres/object/CONSTRAINT on_space_pkey on public.on_space').text).toContain('SET default_tablespace = nasty_space;')
    expect(of('postgres/object/TABLE public.after_space').text).not.toContain('SET default')
  })

  it('gives rows in key order by bytes, whatever the collation', () => {
    expect(rows('char_key')).toEqual(['a\\t  ', 'a   ', 'a!  ', 'b   ', 'é   '])
    expect(rows('accent_key')).toEqual(['C', 'b', 'á'])
    expect(rows('unique_key')).toEqual(['1\ty', '2\tx'])
    expect(rows('deferred_key')).toEqual(['9\ty', '10\tx'])
    expect(new Set(rows('wide_key').map(line => line.split('\t')[1]))).toEqual(new Set(['', 'Z', 'a', 'b', 'Ä', 'é']))
    expect([...new Set(rows('wide_key').filter(line => line.startsWith('sad\t')).map(line => line.split('\t')[1]))]).toEqual(['', 'Z', 'a', 'b', 'Ä', 'é'])
    expect([...new Set(rows('wide_key').map(line => line.split('\t')[2]))]).toEqual(['-Infinity', '9', '10', 'NaN'])
    expect(of('postgres/rows/public.wide_key').layout?.key[0]).toEqual({ order: 'enum', labels: ['sad', 'aaa first by name', 'ok, really', "it's great", 'new\nline'] })
    expect(of('postgres/rows/public.wide_key').layout?.columns).toEqual(['m', 't', 'n', 'f', 'd', 'ts', 'b', 'by', 'c', 's', 'u', 'nm', 'ch', 'dm', 'x'])
  })

  it('has no key where none can be told from text', () => {
    for (const table of ['keyless', 'citext_key', 'nullable_unique', 'generated_key', 'zero_columns']) expect(of(`postgres/rows/public.${table}`).layout?.key, table).toEqual([])
    expect(rows('keyless')).toEqual(['2\tx', '1\ty', '2\tx', '\\N\t\\N', '\\N\t\\N'])
    expect(rows('zero_columns')).toEqual(['', '', ''])
    expect(rows('only_generated')).toEqual([''])
    expect(rows('empty_table')).toEqual([])
  })

  it('reads each table\'s own rows only', () => {
    expect(rows('parent')).toEqual(['1\tparent'])
    expect(rows('child')).toEqual(['2\tchild\t3'])
    expect(whole.artifacts.has('postgres/rows/public.events')).toBe(false)
    expect(rows('events_2025')).toEqual(['2025-05-05\teu\t1'])
    expect(rows('unlogged')).toEqual(['1'])
  })

  it('knows identity columns, and leaves generated ones out', () => {
    const { attributes } = of('postgres/rows/public."Ta.ble ""q"" ünï"')
    expect(attributes['generated']).toEqual(['Id ünï'])
    expect(attributes['columns']).not.toContain('twice')
  })

  it('notes where sequences stand', () => {
    expect(of('postgres/sequence/public.alone').text).toBe('{"isCalled":true,"lastValue":"5"}')
    expect(of('postgres/sequence/public.untouched').text).toBe('{"isCalled":false,"lastValue":"1"}')
    expect(of('postgres/sequence/public."Ta.ble ""q"" ünï_Id ünï_seq"').deps).toEqual(['postgres/object/SEQUENCE public."Ta.ble ""q"" ünï_Id ünï_seq"'])
  })

  it('has large objects with their holes, owners and rights', () => {
    expect(linesOf(of('postgres/blobs').text).map(line => line.split('\t', 2))).toEqual([['99', '2'], ['4711', '0'], ['4711', '1'], ['4711', '2']])
    expect(of('postgres/blobs-owners').text).toBe('99\tnasty_owner\t\\N\n4711\tpostgres\t{postgres=rw/postgres,nasty_owner=r/postgres}\n')
  })

  it('lets a restored subscription sleep', () => {
    expect(of('postgres/object/SUBSCRIPTION from_elsewhere').text).toContain('connect = false')
  })

  it('describes the database', () => {
    const facts = JSON.parse(of('postgres/database').text) as Record<string, unknown>
    expect(facts).toMatchObject({
      name: DATABASE, encoding: 'UTF8', localeProvider: 'icu', owner: 'postgres',
      settings: [{ role: null, name: 'work_mem', value: '5MB' }, { role: 'nasty_owner', name: 'search_path', value: 'other, public' }],
      memberships: [{ role: 'nasty_owner', member: 'Nasty "Reader"', admin: false }],
    })
    expect((facts['roles'] as Array<{ name: string }>).map(role => role.name)).toEqual(['Nasty "Reader"', 'nasty_owner', 'postgres'])
    expect((facts['extensions'] as Array<{ name: string }>).map(extension => extension.name)).toEqual(['citext', 'hstore', 'plpgsql', 'postgres_fdw'])
    expect(facts['order']).toEqual([...whole.artifacts].filter(([, { kind }]) => kind === 'pg.object').map(([id]) => id))
  })

  it('sums up where the server stood', () => {
    expect(whole.summary.position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
    expect(whole.summary.facts).toMatchObject({ inRecovery: false, timeline: 1, snapshotXmin: expect.stringMatching(/^\d+$/) as string, systemIdentifier: expect.stringMatching(/^\d+$/) as string })
    expect(whole.summary.notes).toEqual([expect.stringContaining('far_away')])
  })

  it('takes one schema, and nothing that belongs to none', async () => {
    const { artifacts } = await captured(postgresSource({ server, database: DATABASE, schemas: ['Sche.ma "q" ünï'] }))
    expect([...artifacts.keys()].sort()).toEqual([
      'postgres/database', 'postgres/object/CONSTRAINT "Ta.ble ""q"" ünï_pkey" on "Sche.ma ""q"" ünï"."Ta.ble ""q"" ünï"',
      'postgres/object/SCHEMA "Sche.ma ""q"" ünï"', 'postgres/object/TABLE "Sche.ma ""q"" ünï"."Ta.ble ""q"" ünï"', 'postgres/rows/"Sche.ma ""q"" ünï"."Ta.ble ""q"" ünï"',
    ])
  })

  it('leaves schemas and tables out', async () => {
    const { artifacts } = await captured(postgresSource({ server, database: DATABASE, excludeSchemas: ['other'], excludeTables: [{ schema: 'Sche.ma "q" ünï', table: 'Ta.ble "q" ünï' }] }))
    expect([...artifacts.keys()].filter(id => id.includes('other.') || id.includes('TABLE "Sche.ma') || id.startsWith('postgres/rows/"Sche'))).toEqual([])
    expect(artifacts.has('postgres/rows/public."Ta.ble ""q"" ünï"')).toBe(true)
  })

  it('refuses a schema that is not there', async () => {
    await expect(postgresSource({ server, database: DATABASE, schemas: ['nowhere'] }).capture()).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })
})
