import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'

let postgres: TestPostgres
let server: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres({ major: 15 })
  server = new PostgresServer({ url: postgres.url('postgres') })
  const client = await server.connect('postgres')
  for (const [table, rows] of [['a_small', 10], ['b_largest', 9_000], ['c_middle', 2_000]] as const) {
    await client.query(`CREATE TABLE ${table} (id integer PRIMARY KEY, text text); INSERT INTO ${table} SELECT i, repeat('x', 200) FROM generate_series(1, ${rows}) AS i`)
  }
  // Short rows, whose values are long, outside of the heap.
  await client.query("CREATE TABLE d_out_of_line (id integer PRIMARY KEY, text text); ALTER TABLE d_out_of_line ALTER text SET STORAGE EXTERNAL; INSERT INTO d_out_of_line SELECT i, repeat('x', 50000) FROM generate_series(1, 100) AS i")
  await server.release(client)
})
afterAll(async () => { await postgres.stop() })

it('begins with the rows of the largest table', async () => {
  const capture = await postgresSource({ server, database: 'postgres' }).capture()
  try {
    const ids = (await Array.fromAsync(capture.artifacts())).map(({ id }) => id)
    expect(ids.filter(id => id.includes('/rows/'))).toEqual(['d_out_of_line', 'b_largest', 'c_middle', 'a_small'].map(table => `postgres/rows/public.${table}`))
    expect(ids.slice(0, 4).every(id => id.includes('/rows/'))).toBe(true)
  } finally {
    await capture.close()
  }
})
