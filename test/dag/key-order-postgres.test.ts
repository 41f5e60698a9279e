import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { NEWLINE } from '../../src/chunking/copy-text.ts'
import { keyOrder, spanOf } from '../../src/dag/key-order.ts'
import type { KeyColumn } from '../../src/sources/source.ts'
import { useCanonicalText } from '../../src/sources/postgres/canonical-session.ts'
import { copyOut } from '../../src/sources/postgres/copy.ts'
import type { TestPostgres } from '../servers/postgres.ts'
import { startPostgres } from '../servers/postgres.ts'

/** A type, the order that its values have, and SQL for many of them (i counts). */
const TYPES: readonly [type: string, key: KeyColumn, values: string, sortBy?: string][] = [
  ['bigint', { order: 'integer' }, `SELECT (sin(i) * 10 ^ (i % 19))::bigint FROM i UNION VALUES (9223372036854775807), (-9223372036854775808), (0)`],
  ['numeric', { order: 'numeric' }, `SELECT (sin(i) * 10 ^ (i % 40 - 20))::numeric FROM i UNION SELECT round((cos(i) * 1000)::numeric, i % 5) FROM i UNION VALUES ('NaN'::numeric), ('Infinity'), ('-Infinity'), (0.10), (0)`],
  ['numeric(30,6)', { order: 'numeric' }, `SELECT (sin(i) * 10 ^ (i % 20))::numeric(30,6) FROM i`],
  ['double precision', { order: 'float' }, `SELECT sin(i) * 10 ^ (i % 600 - 300) FROM i UNION VALUES ('NaN'::float8), ('Infinity'), ('-Infinity'), (5e-324), (1.7976931348623157e308), (0)`],
  ['real', { order: 'float' }, `SELECT (sin(i) * 10 ^ (i % 70 - 35))::real FROM i UNION SELECT (i::real / 16777216) FROM i UNION VALUES ('NaN'::real), ('Infinity'), ('-Infinity')`],
  ['timestamptz', { order: 'timestamp' }, `SELECT '2000-01-01 00:00:00.5+03'::timestamptz + make_interval(secs => sin(i) * 10 ^ (i % 12)) FROM i UNION VALUES ('infinity'::timestamptz), ('-infinity'), ('4714-11-24 00:00:00+00 BC'), ('294276-12-31 23:59:59.999999+00'), ('0001-01-01 00:00+00'), ('0001-12-31 23:59:59.9+00 BC')`],
  ['timestamp', { order: 'timestamp' }, `SELECT '1-01-01 BC'::timestamp + make_interval(secs => sin(i) * 10 ^ (i % 12)) FROM i UNION VALUES ('infinity'::timestamp), ('-infinity'), ('294276-12-31 23:59:59.999999')`],
  ['date', { order: 'date' }, `SELECT '0100-01-01'::date + (sin(i) * 10 ^ (i % 7))::int % 1700000 FROM i UNION VALUES ('infinity'::date), ('-infinity'), ('4713-01-01 BC'), ('5874897-12-31'), ('10000-01-01'), ('9999-12-31')`],
  ['time', { order: 'bytes' }, `SELECT '00:00'::time + make_interval(secs => round((i * 86.37)::numeric, i % 7)::float8) FROM i UNION VALUES ('24:00'::time)`],
  ['boolean', { order: 'boolean' }, `VALUES (true), (false)`],
  ['text', { order: 'bytes' }, String.raw`SELECT substr(md5(i::text), 1, i % 9) || (ARRAY['', E'\t', E'\n', E'\\', '!', 'é', 'ß', '日', '😀', E'\x01'])[i % 10 + 1] || i % 3 FROM i UNION VALUES (''), ('\N'), ('\@x:1'), ('a'), ('A'), ('_')`, '"v" COLLATE "C"'],
  ['char(6)', { order: 'bytes' }, `SELECT substr(md5(i::text), 1, i % 6)::char(6) FROM i`, 'bpcharsend("v")'],
  ['bytea', { order: 'bytes' }, `SELECT decode(substr(md5(i::text), 1, i % 9 * 2), 'hex') FROM i`],
  ['uuid', { order: 'bytes' }, `SELECT md5(i::text)::uuid FROM i`],
  ['public.mood', { order: 'enum', labels: ['happy', 'Über\\', 'a b', 'sad'] }, `SELECT unnest(enum_range(NULL::public.mood))`],
]

describe('order of keys', () => {
  let server: TestPostgres, client: pg.Client
  beforeAll(async () => {
    server = await startPostgres({ major: 18 })
    client = new pg.Client({ connectionString: server.url('postgres') })
    await client.connect()
    await useCanonicalText(client)
    await client.query(String.raw`CREATE TYPE public.mood AS ENUM ('happy', 'sad'); ALTER TYPE public.mood ADD VALUE 'Über\' BEFORE 'sad'; ALTER TYPE public.mood ADD VALUE 'a b' AFTER 'Über\'`)
  })
  afterAll(async () => {
    await client.end()
    await server.stop()
  })

  it.each(TYPES)('of %s is the server\'s', async (type, key, values, sortBy = '"v"') => {
    const copy = `COPY (WITH i AS (SELECT generate_series(1, 3000) AS i), v(v) AS (${values}) SELECT DISTINCT ON (${sortBy}) v::${type} FROM v ORDER BY ${sortBy}) TO STDOUT`
    const text = Buffer.concat(await Array.fromAsync(copyOut(client, copy), piece => Buffer.from(piece)))
    const rows: Buffer[] = []
    for (let start = 0, end; start < text.length; start = end + 1) rows.push(text.subarray(start, end = text.indexOf(NEWLINE, start)))
    expect(rows.length).toBeGreaterThan(type === 'boolean' ? 1 : 3)
    const compare = keyOrder([key])
    for (let i = 1; i < rows.length; i++) expect(compare(spanOf(rows[i - 1]!), spanOf(rows[i]!)), `${rows[i - 1]!} before ${rows[i]!}`).toBeLessThan(0)
  })
})
