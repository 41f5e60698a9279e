import { execFileSync } from 'node:child_process'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { copyOut } from '../../../src/sources/postgres/copy.ts'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { reachableTmpdir, serverAccount } from '../../servers/os-account.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { captured } from './captured-artifacts.ts'

const hasOpenssl = ((): boolean => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    process.stderr.write('skipping TLS: openssl, which makes the certificate, is not installed\n')
    return false
  }
})()

describe.skipIf(!hasOpenssl)('over TLS', () => {
  let folder: string
  let certificate: string
  let postgres: TestPostgres

  beforeAll(async () => {
    folder = await mkdtemp(join(await reachableTmpdir(), 'caf-test-tls-'))
    certificate = join(folder, 'server.crt')
    const key = join(folder, 'server.key')
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate], { stdio: 'ignore' })
    await chmod(folder, 0o755)
    await chmod(key, 0o600)
    const account = serverAccount()
    if (account !== undefined) await chown(key, account.uid, account.gid)
    postgres = await startPostgres({ major: 15, settings: { ssl: 'on', ssl_cert_file: certificate, ssl_key_file: key } })
  })
  afterAll(async () => {
    await postgres.stop()
    await rm(folder, { recursive: true })
  })

  const serverFor = (query: string): PostgresServer => new PostgresServer({ url: `${postgres.url('x')}${query}` })

  it.each(['', '?sslmode=require'])('encrypts rows and schema with "%s"', async query => {
    const server = serverFor(query)
    const client = await server.connect('postgres')
    expect((await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows).toEqual([{ ssl: true }])
    await server.release(client)
    expect((await captured(postgresSource({ server, database: 'postgres' }))).artifacts.has('postgres/database')).toBe(true)
    expect(server.tls).toBe(true)
  })

  it('copies rows out, more than fit at once', async () => {
    const server = serverFor('?sslmode=require')
    const client = await server.connect('postgres')
    const rows = await Array.fromAsync(copyOut(client, "COPY (SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS i) TO STDOUT"), piece => piece.toString())
    expect(rows.length).toBeGreaterThan(5)
    expect(rows.join('')).toBe(Array.from({ length: 20_000 }, (_, at) => `${at + 1}\t${'x'.repeat(100)}\n`).join(''))
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await expect(Array.fromAsync(copyOut(client, 'COPY (SELECT 1/(5000 - i) FROM generate_series(1, 9000) AS i) TO STDOUT'))).rejects.toMatchObject({ code: '22012' })
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await server.release(client)
  })

  it.each(['verify-ca', 'verify-full'])('proves the server by its certificate with %s', async mode => {
    const server = serverFor(`?sslmode=${mode}&sslrootcert=${certificate}`)
    expect((await captured(postgresSource({ server, database: 'postgres' }))).artifacts.has('postgres/database')).toBe(true)
    await expect(serverFor(`?sslmode=${mode}`).connect('postgres')).rejects.toMatchObject({ code: 'SOURCE_AUTH' })
  })

  it('does not encrypt when told so', async () => {
    const server = serverFor('?sslmode=disable')
    const client = await server.connect('postgres')
    expect((await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows).toEqual([{ ssl: false }])
    await server.release(client)
  })
})
