import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createRepository } from '../../../src/cas/repository.ts'
import type { Repository } from '../../../src/cas/repository.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import type { Finding } from '../../../src/engine/finding.ts'
import { verifySources } from '../../../src/engine/verify-sources.ts'
import type { SourcesSummary } from '../../../src/engine/verify-sources.ts'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { Source } from '../../../src/sources/source.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { createDatabase, inDatabase } from './databases.ts'

describe('a newest snapshot and what changed since', () => {
  let postgres: TestPostgres
  let source: Source
  let repository: Repository

  beforeAll(async () => {
    postgres = await startPostgres({ major: 18, settings: { autovacuum: 'off' } })
    source = postgresSource({ server: new PostgresServer({ url: postgres.url('x'), maxConnections: 8 }), database: 'app' })
    await createDatabase(postgres, 'app')
    await run('CREATE SCHEMA surgery; CREATE EXTENSION pg_surgery SCHEMA surgery')
  })
  afterAll(async () => { await postgres.stop() })
  beforeEach(async () => {
    repository = await createRepository(memoryBackend())
    await run(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE t (id bigint PRIMARY KEY, v text); CREATE TABLE u (LIKE t INCLUDING ALL); CREATE TABLE heap (v text);
      INSERT INTO t SELECT g, md5(g::text) FROM generate_series(1, 3000) g; INSERT INTO u SELECT * FROM t`)
    await createSnapshot(repository, { sources: [source], description: '' })
  })

  const run = async (sql: string): Promise<void> => { await inDatabase(postgres, 'app', async client => { await client.query(sql) }) }
  async function verified (): Promise<{ findings: Finding[], summary: SourcesSummary }> {
    const run = verifySources(repository, { sources: [source] })
    const findings: Finding[] = []
    for (;;) {
      const { done, value } = await run.next()
      if (done === true) return { findings, summary: value }
      findings.push(value)
    }
  }

  it('give what the source has, and nothing is stored', async () => {
    await run("UPDATE t SET v = 'new' WHERE id % 100 = 7; DELETE FROM t WHERE id = 50; INSERT INTO u VALUES (4000, 'new')")
    const before = await repository.stats()
    expect(await verified()).toEqual({ findings: [], summary: { compared: 2, readInFull: 0 } })
    expect(await repository.stats()).toEqual(before)
  })

  it('are found to differ where a row was written behind the server\'s back, and the row is named', async () => {
    // The row version gets a transaction that the snapshot has seen: as if a guard had let it pass.
    await run("UPDATE t SET v = 'forged' WHERE id = 77")
    await run("SELECT surgery.heap_force_freeze('t'::regclass, ARRAY[(SELECT ctid FROM t WHERE id = 77)])")
    const { findings, summary } = await verified()
    expect(findings).toMatchObject([{ severity: 'error', code: 'SNAPSHOT_DIFFERS', affected: [{ node: 'postgres/rows/public.t' }] }])
    expect(findings[0]!.message).toContain('(77) is another')
    expect(summary).toEqual({ compared: 2, readInFull: 0 })
  })

  it('are not compared where the next snapshot reads all rows', async () => {
    await run('VACUUM FULL t')
    expect(await verified()).toEqual({ findings: [], summary: { compared: 1, readInFull: 1 } })
  })
})
