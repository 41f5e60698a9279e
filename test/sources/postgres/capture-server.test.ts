import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'

let postgres: TestPostgres

beforeAll(async () => { postgres = await startPostgres({ major: 18 }) })
afterAll(async () => { await postgres.stop() })

const serverOf = (options: { maxConnections?: number, url?: string } = {}): PostgresServer => new PostgresServer({ url: postgres.url('ignored'), ...options })

describe('connecting', () => {
  it('connects with a password full of special characters and says hello', async () => {
    const server = serverOf()
    const client = await server.connect('postgres')
    expect((await client.query<{ one: number }>('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    expect(server.tls).toBe(false) // preferred, but this server has none
    await server.release(client)
  })

  it('says SOURCE_AUTH for a wrong password, without repeating it', async () => {
    const url = postgres.url('x').replace(encodeURIComponent(postgres.password), 'a-wrong-password')
    const failure = await serverOf({ url }).connect('postgres').catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'SOURCE_AUTH' })
    expect(String(failure)).not.toContain('a-wrong-password')
  })

  it('says SOURCE_AUTH when there is no password', async () => {
    await expect(serverOf({ url: `postgres://postgres@127.0.0.1:${postgres.port}` }).connect('postgres')).rejects.toMatchObject({ code: 'SOURCE_AUTH' })
  })

  it('says SOURCE_MISSING for a database that does not exist', async () => {
    await expect(serverOf().connect('nowhere')).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
  })

  it.each(['postgres://u:secret@127.0.0.1:1', 'postgres://u:secret@no-such-host.invalid'])('says SOURCE_UNREACHABLE for %s', async url => {
    const failure = await serverOf({ url }).connect('postgres').catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'SOURCE_UNREACHABLE' })
    expect(String(failure)).not.toContain('secret')
  })

  it('refuses a server without TLS when TLS is required', async () => {
    await expect(serverOf({ url: `${postgres.url('x')}?sslmode=require` }).connect('postgres')).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' })
  })

  it.each(['mysql://u@h', 'no url', 'postgres://host', 'postgres://u@h?sslmode=sometimes', 'postgres://u@h?sslmode=verify-ca&sslrootcert=/no/such/file'])('refuses %s', url => {
    expect(() => serverOf({ url })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('the budget', () => {
  it('opens no more connections than allowed, and everybody gets one', async () => {
    const server = serverOf({ maxConnections: 2 })
    const order: number[] = []
    await Promise.all([1, 2, 3, 4, 5].map(async number => {
      const client = await server.connect('postgres')
      const { rows } = await client.query<{ open: number }>("SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = 'caf'")
      expect(rows[0]?.open).toBeLessThanOrEqual(2)
      order.push(number)
      await server.release(client)
    }))
    expect(order.toSorted()).toEqual([1, 2, 3, 4, 5])
  })

  it('lets two holders of several connections pass one after the other', async () => {
    const server = serverOf({ maxConnections: 2 })
    await Promise.all([1, 2, 3].map(async () => {
      const lease = await server.lease(2)
      const clients = await Promise.all([lease.connect('postgres'), lease.connect('postgres')])
      await Promise.all(clients.map(async client => await client.query('SELECT 1')))
      await lease.close()
      await lease.close()
    }))
  })

  it('takes more than needed only when it is free', async () => {
    const server = serverOf({ maxConnections: 5 })
    const first = await server.lease(2, { atMost: 3 })
    const second = await server.lease(2, { atMost: 3 })
    expect([first.size, second.size]).toEqual([3, 2])
    await Promise.all([first.close(), second.close()])
  })

  it('refuses to wait for more than there will ever be', async () => {
    await expect(serverOf({ maxConnections: 1 }).lease(2)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('lets a waiting caller give up, and serves those behind it', async () => {
    const server = serverOf({ maxConnections: 2 })
    const held = await server.connect('postgres')
    const controller = new AbortController()
    const large = server.lease(2, { signal: controller.signal })
    const small = server.connect('postgres')
    controller.abort(new Error('no longer wanted'))
    await expect(large).rejects.toThrow('no longer wanted')
    await server.release(await small)
    await server.release(held)
  })

  it('frees the slot of a connection that could not be opened or was cut off', async () => {
    const server = serverOf({ maxConnections: 1 })
    await expect(server.connect('nowhere')).rejects.toMatchObject({ code: 'SOURCE_MISSING' })
    server.destroy(await server.connect('postgres'))
    await server.release(await server.connect('postgres'))
  })
})
