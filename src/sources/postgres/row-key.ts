import type pg from 'pg'
import type { KeyColumn, KeyOrder } from '../source.ts'
import { quoteIdentifier } from './identifier.ts'

/** ORDER BY what, to get the key's order; the column is in double quotes already. */
type SortBy = (column: string, types: KeyTypes) => string

interface TypeOrder {
  readonly order: KeyOrder
  readonly sortBy: SortBy
}

const plain = (order: KeyOrder): TypeOrder => ({ order, sortBy: column => column })
/** Unsigned bytes in UTF-8, whatever the column's collation. */
const text: TypeOrder = {
  order: 'bytes',
  sortBy: (column, { bytesSortAsUtf8 }) => bytesSortAsUtf8 ? `${column}::pg_catalog.text COLLATE "C"` : `pg_catalog.textsend(${column}::pg_catalog.text)`,
}

/** By oids of pg_type, which are the same in every server. */
const ORDERS: Readonly<Record<number, TypeOrder>> = {
  16: plain('boolean'),
  17: plain('bytes'), // bytea: its hexadecimal text sorts as its bytes do
  18: text, // "char"
  19: text, // name
  20: plain('integer'), // bigint
  21: plain('integer'), // smallint
  23: plain('integer'), // integer
  25: text,
  26: plain('integer'), // oid
  700: plain('float'), // real
  701: plain('float'), // double precision
  // char(n): as text it would lose the blanks that COPY writes
  1042: { order: 'bytes', sortBy: column => `pg_catalog.bpcharsend(${column}::pg_catalog.bpchar)` },
  1043: text, // varchar
  1082: plain('date'),
  1083: plain('bytes'), // time
  1114: plain('timestamp'),
  1184: plain('timestamp'), // timestamp with time zone
  1700: plain('numeric'),
  2950: plain('bytes'), // uuid
}

/** What is needed to see through domains and enums. */
export interface KeyTypes {
  /** domain → the type below, by oid */
  readonly domains: ReadonlyMap<number, number>
  /** enum → its labels in their order */
  readonly enums: ReadonlyMap<number, readonly string[]>
  /** True if the bytes of the database's encoding sort as UTF-8 does. */
  readonly bytesSortAsUtf8: boolean
}

export interface RowKeyColumn extends KeyColumn {
  readonly name: string
  /** An expression for ORDER BY. */
  readonly sortBy: string
}

export async function readKeyTypes (client: pg.Client): Promise<KeyTypes> {
  const domains = await client.query<{ oid: number, base: number }>("SELECT oid, typbasetype AS base FROM pg_catalog.pg_type WHERE typtype = 'd'")
  const enums = await client.query<{ oid: number, labels: string[] }>('SELECT enumtypid AS oid, array_agg(enumlabel::text ORDER BY enumsortorder) AS labels FROM pg_catalog.pg_enum GROUP BY enumtypid')
  const { rows: [server] } = await client.query<{ encoding: string }>("SELECT current_setting('server_encoding') AS encoding")
  return {
    bytesSortAsUtf8: ['UTF8', 'SQL_ASCII', 'LATIN1'].includes(server?.encoding ?? ''),
    domains: new Map(domains.rows.map(({ oid, base }) => [oid, base])),
    enums: new Map(enums.rows.map(({ oid, labels }) => [oid, labels])),
  }
}

/** The column as part of a key; undefined when its type has no order that can be told from its text. */
export function rowKeyColumn (name: string, type: number, types: KeyTypes): RowKeyColumn | undefined {
  let base = type
  for (let below = types.domains.get(base); below !== undefined; below = types.domains.get(base)) base = below
  const labels = types.enums.get(base)
  if (labels !== undefined) return { name, order: 'enum', labels, sortBy: quoteIdentifier(name) }
  const found = ORDERS[base]
  return found === undefined ? undefined : { name, order: found.order, sortBy: found.sortBy(quoteIdentifier(name), types) }
}
