import { afterAll, beforeAll, expect, it } from 'vitest'
import { useCanonicalText } from '../../../src/sources/postgres/canonical-session.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'

let postgres: TestPostgres
let server: PostgresServer

beforeAll(async () => {
  postgres = await startPostgres({ major: 15 })
  server = new PostgresServer({ url: postgres.url('postgres') })
})
afterAll(async () => { await postgres.stop() })

it('sorts in 16 MB where the server allows less, and in what it allows where that is more', async () => {
  const client = await server.connect('postgres')
  const memory: string[] = []
  for (const allowed of ['64kB', '4MB', '16MB', '1GB']) {
    await client.query(`SET work_mem = '${allowed}'`)
    await useCanonicalText(client)
    const { rows: [row] } = await client.query<{ work_mem: string }>('SHOW work_mem')
    memory.push(row!.work_mem)
  }
  await server.release(client)
  expect(memory).toEqual(['16MB', '16MB', '16MB', '1GB'])
})
