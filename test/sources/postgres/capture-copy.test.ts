import { afterAll, beforeAll, expect, it } from 'vitest'
import type pg from 'pg'
import { copyIn, copyOut } from '../../../src/sources/postgres/copy.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'
import { PATIENT } from './patience.ts'

let postgres: TestPostgres
let server: PostgresServer
let client: pg.Client

beforeAll(async () => {
  postgres = await startPostgres({ major: 15 })
  server = new PostgresServer({ url: postgres.url('postgres') })
  client = await server.connect('postgres')
  await client.query('CREATE TABLE target (id integer PRIMARY KEY, text text)')
})
afterAll(async () => {
  await server.release(client)
  await postgres.stop()
})

const MANY = 'COPY (SELECT i, repeat(\'x\', 1000) FROM generate_series(1, 200000) AS i) TO STDOUT'

async function othersAtWork (): Promise<number> {
  const { rows } = await client.query<{ count: number }>("SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'caf' AND pid <> pg_backend_pid()")
  return rows[0]?.count ?? 0
}

it('gives what the server sends, byte for byte', async () => {
  const pieces = await Array.fromAsync(copyOut(client, "COPY (VALUES (1, E'a\\tb\\n'), (2, NULL)) TO STDOUT"), piece => Buffer.from(piece))
  expect(Buffer.concat(pieces).toString()).toBe('1\ta\\tb\\n\n2\t\\N\n')
})

it('asks for no more than is taken', async () => {
  const reader = await server.connect('postgres')
  const copy = copyOut(reader, MANY)
  await copy.next()
  const { rows } = await client.query<{ state: string }>(`SELECT wait_event AS state FROM pg_stat_activity WHERE pid = ${Number(Reflect.get(reader, 'processID'))}`)
  await expect.poll(async () => (await client.query<{ event: string }>(`SELECT wait_event AS event FROM pg_stat_activity WHERE pid = ${Number(Reflect.get(reader, 'processID'))}`)).rows[0]?.event, PATIENT).toBe('ClientWrite')
  expect(rows).toHaveLength(1)
  await copy.return(undefined)
  server.destroy(reader)
})

it('leaves nothing running on the server when it is left early', async () => {
  const reader = await server.connect('postgres')
  for await (const piece of copyOut(reader, MANY)) {
    expect(piece.length).toBeGreaterThan(0)
    break
  }
  await expect(reader.query('SELECT 1')).rejects.toThrow()
  await server.release(reader)
  await expect.poll(othersAtWork, PATIENT).toBe(0)
})

it('stops a reader that waits for the server when the signal is aborted', async () => {
  const reader = await server.connect('postgres')
  const controller = new AbortController()
  const read = Array.fromAsync(copyOut(reader, 'COPY (SELECT pg_sleep(60)) TO STDOUT', { signal: controller.signal }))
  await expect.poll(othersAtWork, PATIENT).toBe(1)
  controller.abort(new Error('enough'))
  await expect(read).rejects.toThrow('enough')
  await server.release(reader)
})

it('hands on an error in the middle and keeps the client usable', async () => {
  await expect(Array.fromAsync(copyOut(client, 'COPY (SELECT 1000 / (5000 - i) FROM generate_series(1, 9000) AS i) TO STDOUT'))).rejects.toMatchObject({ code: '22012' })
  expect((await client.query('SELECT 1')).rowCount).toBe(1)
})

it('reports a connection that dies in the middle', async () => {
  const reader = await server.connect('postgres')
  const pid = Number(Reflect.get(reader, 'processID'))
  const read = (async () => {
    let pieces = 0
    for await (const piece of copyOut(reader, MANY)) {
      if (pieces++ === 0) await client.query(`SELECT pg_terminate_backend(${pid}), ${piece.length}`)
    }
  })()
  await expect(read).rejects.toThrow()
  server.destroy(reader)
})

it('feeds rows that come in many pieces', async () => {
  const rows = async function * (): AsyncGenerator<Uint8Array> {
    for (let id = 100_000; id < 110_000; id++) yield Buffer.from(`${id}\tx\n`)
  }
  expect(await copyIn(client, 'COPY target FROM STDIN', rows())).toBe(10_000)
  expect((await client.query<{ ids: number }>('SELECT count(DISTINCT id)::int AS ids FROM target')).rows).toEqual([{ ids: 10_000 }])
  await client.query('TRUNCATE target')
})

it('rolls back when the producer fails and keeps the client usable', async () => {
  const rows = async function * (): AsyncGenerator<Uint8Array> {
    yield Buffer.from('1\ta\n')
    throw new Error('the chunk is damaged')
  }
  await expect(copyIn(client, 'COPY target FROM STDIN', rows())).rejects.toThrow('the chunk is damaged')
  expect((await client.query('SELECT * FROM target')).rowCount).toBe(0)
})

it('stops the producer when the server refuses a row', async () => {
  let stopped = false
  const rows = async function * (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.from('1\tsame key\n'.repeat(1000))
    } finally {
      stopped = true
    }
  }
  await expect(copyIn(client, 'COPY target FROM STDIN', rows())).rejects.toMatchObject({ code: '23505' })
  expect(stopped).toBe(true)
  expect((await client.query('SELECT 1')).rowCount).toBe(1)
})
