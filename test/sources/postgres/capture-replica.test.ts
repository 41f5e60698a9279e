import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startStandby } from '../../servers/postgres-standby.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured } from './captured-artifacts.ts'
import type { Captured, CapturedArtifact } from './captured-artifacts.ts'
import { createNastyDatabase, inDatabase } from './databases.ts'
import { PATIENT } from './patience.ts'

describe('a read replica', () => {
  let primary: TestPostgres
  let standby: TestPostgres

  beforeAll(async () => {
    primary = await startPostgres({ major: 18 })
    standby = await startStandby(primary)
    await createNastyDatabase(primary, 'nasty')
    const position = await inDatabase(primary, 'postgres', async client => (await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')).rows[0]?.lsn)
    await inDatabase(standby, 'postgres', async client => {
      await vi.waitUntil(async () => (await client.query<{ there: boolean }>('SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS there', [position])).rows[0]?.there, PATIENT)
    })
  })
  afterAll(async () => {
    await standby.stop()
    await primary.stop()
  })

  it('gives what the primary gives', async () => {
    const source = (replicaUrl?: string): ReturnType<typeof postgresSource> => postgresSource({
      server: new PostgresServer({ url: primary.url('x'), ...(replicaUrl !== undefined && { replicaUrl }) }), database: 'nasty', excludeTables: [{ schema: 'public', table: 'unlogged' }],
    })
    const ofPrimary = await captured(source())
    const ofReplica = await captured(source(standby.url('x')))
    const withoutSequences = ({ artifacts }: Captured): Map<string, CapturedArtifact> => new Map([...artifacts].filter(([, { kind }]) => kind !== 'pg.sequence')) // a standby's are ahead
    expect(withoutSequences(ofReplica)).toEqual(withoutSequences(ofPrimary))
    expect(ofReplica.summary.facts).toMatchObject({ inRecovery: true, systemIdentifier: ofPrimary.summary.facts['systemIdentifier'], databaseOid: ofPrimary.summary.facts['databaseOid'] })
    expect(ofReplica.summary.position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/)
  })

  it('refuses unlogged tables, whose rows only the primary has', async () => {
    const source = postgresSource({ server: new PostgresServer({ url: standby.url('x') }), database: 'nasty' })
    await expect(source.capture()).rejects.toMatchObject({ code: 'SOURCE_UNSUPPORTED', data: { relations: ['public.unlogged'] } })
  })
})
