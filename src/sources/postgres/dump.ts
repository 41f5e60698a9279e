import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { nativeDump, nativeDumpMajor } from './dump-native.ts'
import { parseDump } from './dump-entry.ts'
import type { DumpEntry } from './dump-entry.ts'
import { WASM_PG_DUMP_MAJOR, wasmDump } from './dump-wasm.ts'
import { quoteIdentifier } from './identifier.ts'
import type { PostgresServer } from './server.ts'

/** Which part of a database. Names are exact, without wildcards. */
export interface SchemaSelection {
  /** Only these schemas, and nothing that belongs to no schema; all when left out. */
  readonly schemas?: readonly string[]
  readonly excludeSchemas?: readonly string[]
  /** Each `{ schema, table }`; also views and sequences. */
  readonly excludeTables?: ReadonlyArray<{ readonly schema: string, readonly table: string }>
}

/** `wasm`: the one that comes with this package, the same on every machine. `native`: `pg_dump` on the PATH. Else the path of one. */
export type PgDumpChoice = string

export interface DumpSchemaOptions extends AbortOptions {
  /** An exported snapshot of the database, still open. */
  readonly snapshot: string
  readonly selection: SchemaSelection
  readonly lockTimeoutMs: number
}

export interface SchemaDumper {
  dump(database: string, options: DumpSchemaOptions): Promise<DumpEntry[]>
}

/**
 * A pg_dump that can read the server; chosen before anything starts.
 * @throws {BackupError} `SOURCE_VERSION` when the server is newer than the pg_dump, `TOOL_MISSING`
 */
export async function chooseDumper (server: PostgresServer, { serverMajor, pgDump = 'wasm', signal }: AbortOptions & { readonly serverMajor: number, readonly pgDump?: PgDumpChoice }): Promise<SchemaDumper> {
  const program = pgDump === 'native' ? 'pg_dump' : pgDump
  const major = pgDump === 'wasm' ? WASM_PG_DUMP_MAJOR : await nativeDumpMajor(program, { signal })
  if (major < serverMajor) {
    throw new BackupError('SOURCE_VERSION', `pg_dump ${major} cannot read PostgreSQL ${serverMajor}; set pgDump to one of version ${serverMajor} or newer`, { data: { pgDump: major, server: serverMajor } })
  }
  return {
    dump: async (database, options) => {
      const args = dumpArguments(options)
      const text = pgDump === 'wasm'
        ? await wasmDump(server.endpoint, { database, tls: server.tls, args, signal: options.signal })
        : await nativeDump(program, server.endpoint, { database, args, signal: options.signal })
      return parseDump(text)
    },
  }
}

function dumpArguments ({ snapshot, selection: { schemas = [], excludeSchemas = [], excludeTables = [] }, lockTimeoutMs }: DumpSchemaOptions): string[] {
  return [
    '--schema-only', '--verbose', '--no-password', '--encoding=UTF8', `--snapshot=${snapshot}`, `--lock-wait-timeout=${lockTimeoutMs}`,
    // Within double quotes pg_dump takes every character of a pattern as it is.
    ...schemas.map(schema => `--schema=${quoteIdentifier(schema)}`),
    ...excludeSchemas.map(schema => `--exclude-schema=${quoteIdentifier(schema)}`),
    ...excludeTables.map(({ schema, table }) => `--exclude-table=${quoteIdentifier(schema)}.${quoteIdentifier(table)}`),
  ]
}
