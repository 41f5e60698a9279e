import { BackupError } from '../../errors.ts'
import { bytesOf, collect } from '../../stream.ts'
import type { MatrixStore } from './matrix-store.ts'
import { checkMatrixName } from './matrix-store.ts'
import { parseNpyHeader } from './npy.ts'

/** The part of a `pg` client or pool that this store needs. */
export type QueryMatrices = (sql: string, values: readonly unknown[]) => Promise<{ readonly rows: ReadonlyArray<Readonly<Record<string, unknown>>> }>

export interface MetadataMatrixStoreOptions {
  readonly query: QueryMatrices
  /** `table` or `schema.table`, names as they are in the catalogue. */
  readonly table: string
  /** The column and the value that find the project's row. */
  readonly keyColumn: string
  readonly key: string | number
  /** A jsonb column. @default 'metadata' */
  readonly column?: string
}

const LIMIT_BYTES = 128 * 1024 * 1024 // as base64 in jsonb, which holds 255 MiB

/**
 * Matrices within a project's metadata, where the application itself reads them. In the jsonb column stands, beside
 * whatever else it holds:
 *
 *     { "matrices": { "<name>": { "npy": "<the .npy file in base64>", "dtype": "<f4", "rows": 128, "columns": 2048 } } }
 *
 * The bytes in `npy` count; the other members are for people and queries.
 */
export function metadataMatrixStore ({ query, table, keyColumn, key, column = 'metadata' }: MetadataMatrixStoreOptions): MatrixStore {
  const from = table.split('.').map(identifier).join('.')
  const [where, member] = [`${identifier(keyColumn)} = $1`, identifier(column)]
  const location = `${table}.${column} where ${keyColumn} is ${key}`
  const ask = async (what: string, sql: string, values: readonly unknown[]): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>> => {
    try {
      return (await query(sql, [key, ...values])).rows
    } catch (cause) {
      throw new BackupError('SOURCE_FAILED', `${what} in ${location}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
  const missing = (): BackupError => new BackupError('SOURCE_MISSING', `there is no row ${location}`, { data: { table, keyColumn, key } })
  return {
    location,
    async list ({ signal } = {}) {
      signal?.throwIfAborted()
      const rows = await ask('listing the matrices', `
        SELECT matrix.key AS name, md5(matrix.value::text) AS version
        FROM ${from} LEFT JOIN LATERAL jsonb_each(CASE jsonb_typeof(${member} -> 'matrices') WHEN 'object' THEN ${member} -> 'matrices' ELSE '{}' END) AS matrix ON true
        WHERE ${where}`, [])
      if (rows.length === 0) throw missing()
      return rows.filter(row => row['name'] !== null).map(row => ({ name: String(row['name']), version: String(row['version']) })).sort((a, b) => a.name < b.name ? -1 : 1)
    },
    async read (name, { signal } = {}) {
      signal?.throwIfAborted()
      const [row] = await ask(`reading matrix ${name}`, `SELECT ${member} -> 'matrices' -> $2 ->> 'npy' AS npy FROM ${from} WHERE ${where}`, [name])
      return typeof row?.['npy'] === 'string' ? bytesOf(decodeBase64(row['npy'], name)) : undefined
    },
    async write (name, body, { signal } = {}) {
      checkMatrixName(name)
      const bytes = await collect(body, { limit: LIMIT_BYTES })
      signal?.throwIfAborted()
      const { dtype, rows, columns } = parseNpyHeader(bytes, `matrix ${name}`)
      const value = JSON.stringify({ npy: Buffer.from(bytes).toString('base64'), dtype, rows, columns })
      const written = await ask(`writing matrix ${name}`, `
        UPDATE ${from} SET ${member} = coalesce(${member}, '{}') || jsonb_build_object('matrices', coalesce(${member} -> 'matrices', '{}') || jsonb_build_object($2::text, $3::jsonb))
        WHERE ${where} RETURNING true AS written`, [name, value])
      if (written.length === 0) throw missing()
    },
    async delete (name) {
      const deleted = await ask(`deleting matrix ${name}`, `
        UPDATE ${from} SET ${member} = ${member} #- ARRAY['matrices', $2::text] WHERE ${where} AND ${member} -> 'matrices' ? $2::text RETURNING true AS deleted`, [name])
      return deleted.length > 0
    },
  }
}

function identifier (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Node's decoder skips what is not base64; a matrix must be exactly that. */
function decodeBase64 (text: string, name: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') === text.replaceAll('\n', '')) return bytes
  throw new BackupError('SOURCE_FAILED', `matrix ${name} is not in base64`, { data: { name } })
}
