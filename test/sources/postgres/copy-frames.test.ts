import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type pg from 'pg'
import { CopyDataFrames } from '../../../src/sources/postgres/copy-data-frames.ts'
import { copyOut } from '../../../src/sources/postgres/copy.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { seededBytes, splitInto } from '../../compliance/chunker.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'

const message = (type: string, body: Uint8Array): Buffer => {
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(type), length, body])
}

/** What came out of CopyData messages, and the rest. */
function parted (pieces: readonly Uint8Array[], { clearEvery = Infinity, capacity = 16 } = {}): { rows: string, rest: string } {
  const frames = new CopyDataFrames(capacity)
  let rows = ''
  for (const [at, piece] of pieces.entries()) {
    const rest = frames.push(piece)
    if (rest !== undefined) return { rows: rows + frames.bytes.toString('latin1'), rest: Buffer.concat([rest, ...pieces.slice(at + 1)]).toString('latin1') }
    if (at % clearEvery !== clearEvery - 1) continue
    rows += frames.bytes.toString('latin1')
    frames.clear()
  }
  return { rows: rows + frames.bytes.toString('latin1'), rest: '' }
}

describe('frames of a copy', () => {
  it('are taken apart the same, however they come and are taken', () => fc.assert(fc.property(
    fc.array(fc.tuple(fc.constantFrom('d', 'd', 'd', 'N', 'S', 'A', 'H'), fc.nat(80)), { maxLength: 20 }),
    fc.constantFrom('c', 'E', 'Z', 'C', 'T', 'x'), fc.array(fc.nat(40), { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (messages, end, pieces, clearEvery) => {
      const bodies = messages.map(([type, length], i) => ({ type, body: seededBytes(length, String(i)) }))
      const last = Buffer.concat([message(end, Buffer.from('over')), message('d', Buffer.from('no row'))])
      const whole = Buffer.concat([...bodies.map(({ type, body }) => message(type, body)), last])
      const rows = Buffer.concat(bodies.filter(({ type }) => type === 'd').map(({ body }) => body)).toString('latin1')
      expect(parted(splitInto(whole, pieces), { clearEvery })).toEqual({ rows, rest: last.toString('latin1') })
    })))

  it('of no length are none', () => {
    expect(parted([Buffer.from('d\0\0\0\0N\0\0\0\x04d\0\0\0\x05ab')])).toEqual({ rows: 'a', rest: 'b' })
  })
})

describe('a server that copies', () => {
  let postgres: TestPostgres
  let server: PostgresServer
  let client: pg.Client

  beforeAll(async () => {
    postgres = await startPostgres({ major: 15 })
    server = new PostgresServer({ url: postgres.url('postgres') })
    client = await server.connect('postgres')
    await client.query(`CREATE FUNCTION chatty(i int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN
      IF i % 7 = 0 THEN RAISE NOTICE 'at %', i; END IF;
      IF i % 5 = 0 THEN PERFORM set_config('application_name', 'caf' || i, false); END IF;
      IF i % 11 = 0 THEN PERFORM pg_notify('heard', 'at ' || i); END IF;
      RETURN repeat('x', i % 40); END $$`)
  })
  afterAll(async () => {
    await server.release(client)
    await postgres.stop()
  })

  const chatty = (rows: number): string => `COPY (SELECT i, chatty(i) FROM generate_series(1, ${rows}) AS i) TO STDOUT`
  const expected = (rows: number): string => Array.from({ length: rows }, (_, at) => `${at + 1}\t${'x'.repeat((at + 1) % 40)}\n`).join('')

  /** The bytes that the server sends for a statement. */
  async function recorded (sql: string): Promise<Buffer> {
    const pieces: Buffer[] = []
    const keep = (piece: Buffer): void => { pieces.push(piece) }
    client.connection.stream.prependListener('data', keep)
    await client.query(sql)
    client.connection.stream.off('data', keep)
    return Buffer.concat(pieces)
  }

  it('is understood wherever its bytes are split', async () => {
    const frames = await recorded(chatty(60))
    expect(frames.includes('at 56')).toBe(true)
    const whole = parted([frames])
    expect(whole.rows).toBe(expected(60))
    expect(whole.rest.startsWith('c\0\0\0\x04C')).toBe(true)
    for (let at = 1; at < frames.length; at++) {
      expect(parted([frames.subarray(0, at), frames.subarray(at)])).toEqual(whole)
    }
    expect(parted(splitInto(frames, Array<number>(frames.length).fill(1)), { clearEvery: 3 })).toEqual(whole)
  })

  it('may say other things in between', async () => {
    const rows = await Array.fromAsync(copyOut(client, chatty(20_000)), piece => piece.toString())
    expect(rows.join('')).toBe(expected(20_000))
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
  })

  it('gives long rows and many one after the other, while the reader takes its time', async () => {
    const sql = "COPY (SELECT i, repeat('y', i * 1000) FROM generate_series(1, 200) AS i) TO STDOUT"
    let length = 0
    for await (const piece of copyOut(client, sql)) {
      length += piece.length
      await new Promise(resolve => { setImmediate(resolve) })
    }
    expect(length).toBe(Array.from({ length: 200 }, (_, at) => String(at + 1).length + 2 + (at + 1) * 1000).reduce((a, b) => a + b))
  })

  it('answers one statement after the other, copies among them', async () => {
    const text = async (sql: string): Promise<string> => (await Array.fromAsync(copyOut(client, sql), piece => piece.toString())).join('')
    expect(await text('COPY (SELECT 1 WHERE false) TO STDOUT')).toBe('')
    await expect(text('COPY (SELECT 1/0) TO STDOUT')).rejects.toMatchObject({ code: '22012' })
    await expect(text('COPY nowhere TO STDOUT')).rejects.toMatchObject({ code: '42P01' })
    expect((await client.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }])
    expect(await text(chatty(5_000))).toBe(expected(5_000))
    expect(await text(chatty(3))).toBe(expected(3))
  })
})
