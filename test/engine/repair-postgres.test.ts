import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Address } from '../../src/cas/blob-store.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { addressOf } from '../../src/dag/block.ts'
import type { KeyRange } from '../../src/dag/key-range.ts'
import { readRows } from '../../src/dag/read-content.ts'
import type { StoredRows } from '../../src/dag/stored-content.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import type { Place } from '../../src/engine/place.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { postgresSource } from '../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../src/sources/postgres/server.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { SEED } from '../dag/contents.ts'
import { contentOf, restoreContent } from '../damaged/damage.ts'
import { createDatabase, inDatabase } from '../sources/postgres/databases.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { TestPostgres } from '../servers/postgres.ts'
import { flipBlob } from './flip-blob.ts'

const ROWS = 6_000
const TABLES = `
  CREATE TABLE facts (body text, id bigint PRIMARY KEY);
  INSERT INTO facts SELECT repeat(md5(i::text), 6), i * 3 - 4000 FROM generate_series(1, ${ROWS}) i;
  CREATE TABLE days (day date, name text, body text, PRIMARY KEY (day, name));
  INSERT INTO days SELECT date '1969-06-01' + i / 5, E'tab\\t' || i % 5, repeat(md5(i::text), 6) FROM generate_series(1, ${ROWS}) i;
  CREATE TABLE loose (body text); INSERT INTO loose SELECT body FROM facts;`

describe('damage in tables of PostgreSQL', () => {
  let running: TestPostgres
  let server: PostgresServer
  let intact: Map<string, Uint8Array>
  const backend: StorageBackend = memoryBackend()
  let id: string

  beforeAll(async () => {
    running = await startPostgres({ major: 18 })
    server = new PostgresServer({ url: running.url('postgres') })
    await createDatabase(running, 'minds')
    await sql(TABLES)
    const repository = await createRepository(backend, { seed: SEED, chunker: { min: 16_384, average: 65_536, max: 262_144 } })
    id = (await createSnapshot(repository, { sources: [source()], description: 'before' })).id
    intact = await contentOf(backend)
  }, 60_000)
  afterAll(async () => { await running.stop() })
  beforeEach(async () => { await restoreContent(backend, intact) })

  const source = () => postgresSource({ server, database: 'minds' })
  const sql = async (text: string): Promise<Array<Record<string, string>>> => await inDatabase(running, 'minds', async client => (await client.query<Record<string, string>>(text)).rows)

  it.each([
    ['facts', ([key]: readonly string[]) => `id < ${key}`], ['days', ([day, name]: readonly string[]) => `(day, name) < ('${day}', E'${name?.replace('\t', '\\t')}')`], ['loose', undefined],
  ] as const)('is named with the rows of %s that it hits', async (table, isBefore) => {
    const { content, chunks } = await stored(table)
    for (const chunk of [chunks[0]!, chunks[3]!, chunks.at(-1)!]) {
      await restoreContent(backend, intact)
      const [place] = await damage(chunk, table)
      const { rows, from, before } = place!
      expect(await readable({})).toBe(false)
      if (isBefore === undefined) {
        expect([from, before, rows!.last - rows!.first + 1]).toEqual([undefined, undefined, await countOf(content, chunk)])
        continue
      }
      const count = async (condition: string): Promise<number> => Number((await sql(`SELECT count(*) FROM ${table} WHERE ${condition}`))[0]!['count'])
      expect(rows).toEqual({ first: await count(isBefore(from!)) + 1, last: before === undefined ? ROWS : await count(isBefore(before)) })
      if (before !== undefined) expect(await readable({ from: before })).toBe(true)
      expect(await readable({ from: from!, to: from! })).toBe(false)
    }

    async function readable (range: KeyRange): Promise<boolean> {
      const fresh = await openRepository(backend)
      return await Array.fromAsync(readRows(content, fresh, range)).then(() => true, () => false)
    }
  })

  it('heals from the live database where that has not changed, and nowhere else', async () => {
    const { chunks } = await stored('facts')
    const places = [...await damage(chunks[2]!, 'facts'), ...await damage(chunks[4]!, 'facts')]
    const [unchanged, changed] = places.slice(-2) as [Place, Place]
    await sql(`UPDATE facts SET body = 'changed since' WHERE id = ${changed.from![0]!}`)
    const { healed, lost, notes } = await repairRepository(await openRepository(backend), { sources: [source()] })
    expect(notes).toEqual([])
    expect(healed).toEqual([{ address: chunks[2], from: 'source postgres' }])
    expect(lost.flatMap(({ affected }) => affected)).toEqual([{ snapshot: id, node: 'postgres/rows/public.facts', detail: expect.any(String) as string, place: changed }])
    expect(unchanged).not.toEqual(changed)
  })

  async function stored (table: string): Promise<{ content: StoredRows, chunks: Address[] }> {
    const repository = await openRepository(backend)
    const { node } = (await loadNodes(await findView(repository, id), repository)).get(`postgres/rows/public.${table}`)!
    const content = node.content as StoredRows
    const chunks = (await Array.fromAsync(readEntries(content.root, repository))).map(({ link }) => addressOf(link))
    expect(chunks.length).toBeGreaterThan(6)
    return { content, chunks }
  }

  async function countOf (content: StoredRows, chunk: Address): Promise<number> {
    const entries = await Array.fromAsync(readEntries(content.root, await openRepository(backend)))
    return entries.find(({ link }) => addressOf(link) === chunk)!.count!
  }

  /** Damages a chunk; where verify says that is. */
  async function damage (chunk: Address, table: string): Promise<Place[]> {
    await flipBlob(await openRepository(backend), chunk)
    const findings = await Array.fromAsync(verifyRepository(await openRepository(backend), { readData: 'all' }))
    const hits = findings.filter(({ address }) => address === chunk).flatMap(({ affected }) => affected)
    expect(new Set(hits.map(({ node }) => node))).toEqual(new Set([`postgres/rows/public.${table}`]))
    return hits.map(({ place }) => place)
  }
})
