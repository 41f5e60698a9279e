import { BackupError } from '../../errors.ts'
import type { PgDumpChoice } from './dump.ts'
import type { PostgresServer } from './server.ts'

export interface PostgresRestorerOptions {
  /** The source whose artifacts it takes. @default 'postgres' */
  readonly name?: string
  /**
   * Needs a budget of at least three connections, one that holds the restore together and two that read back, and keeps some of them
   * between its calls: whoever works at the same time should have a server object of its own.
   */
  readonly server: PostgresServer
  readonly database: string
  /**
   * `create`: a new database, filled under the name `<database>__restoring` and renamed in the end. `in-place`: an existing database, changed in one
   * transaction: what is missing is created, tables whose rows differ get those of the backup, everything else stays.
   */
  readonly mode: 'create' | 'in-place'
  /** With `create`, when the database exists: refuse, or put the new one in its place. @default 'refuse' */
  readonly replace?: 'refuse' | 'swap'
  /** What becomes of the database whose place was taken: dropped, or kept as `<database>__replaced`. @default 'drop' */
  readonly replaced?: 'drop' | 'keep'
  /** Throws out whoever is connected to the database whose place is taken. @default false */
  readonly disconnect?: boolean
  /** With `in-place`: restores what is in the schema of the backup (the member's name) into that of its value. */
  readonly schemas?: Readonly<Record<string, string>>
  /** `skip`: all belongs to the connecting user, and no rights are granted. @default 'keep' */
  readonly owners?: 'keep' | 'skip'
  /** Connections that load rows and build indexes side by side, if the server's budget allows. @default 3 */
  readonly concurrency?: number
  /** What the server may use for building indexes (`maintenance_work_mem`), all of them together. @default '512MB' */
  readonly maintenanceWorkMem?: string
  /** How long to wait for locks that others hold. @default 15_000 */
  readonly lockTimeoutMs?: number
  /** The pg_dump with which the target is read to compare it; has to be the one that the source was captured with. @default 'wasm' */
  readonly pgDump?: PgDumpChoice
  /** Called with what is worth knowing and no reason to stop, each one sentence. */
  readonly onNote?: (note: string) => void
}

/** One connection holds the restore together while a capture, which needs two, reads back. */
const LEAST_CONNECTIONS = 3

export type RestorerSettings = Required<PostgresRestorerOptions>

/** @throws {BackupError} `INVALID_OPTION` */
export function restorerSettings (options: PostgresRestorerOptions): RestorerSettings {
  const settings: RestorerSettings = {
    name: 'postgres', replace: 'refuse', replaced: 'drop', disconnect: false, schemas: {}, owners: 'keep', concurrency: 3,
    maintenanceWorkMem: '512MB', lockTimeoutMs: 15_000, pgDump: 'wasm', onNote: () => undefined, ...options,
  }
  const { server, mode, replace, schemas, concurrency, maintenanceWorkMem, lockTimeoutMs } = settings
  if (server.maxConnections < LEAST_CONNECTIONS) throw invalid(`a restore needs ${LEAST_CONNECTIONS} connections, maxConnections allows ${server.maxConnections}`, { maxConnections: server.maxConnections })
  if (mode === 'create' && Object.keys(schemas).length > 0) throw invalid('schemas can be renamed when restoring in place only', { schemas })
  if (mode === 'in-place' && replace !== 'refuse') throw invalid('replace is for mode create; in place, the database stays', { replace })
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) throw invalid('concurrency must be a positive integer', { concurrency })
  if (!Number.isSafeInteger(lockTimeoutMs) || lockTimeoutMs < 0) throw invalid('lockTimeoutMs must be a whole number of milliseconds', { lockTimeoutMs })
  if (!/^\d+(kB|MB|GB)$/.test(maintenanceWorkMem)) throw invalid('maintenanceWorkMem must be a size like 256MB', { maintenanceWorkMem })
  return settings
}

const KILOBYTES = { kB: 1, MB: 1024, GB: 1024 ** 2 }
/** The least `maintenance_work_mem` that a server takes. */
const LEAST_KILOBYTES = 1024

/** Of a size like 512MB one share, when `count` get equal ones. */
export function partOf (size: string, count: number): string {
  const [, number, unit] = /^(\d+)(kB|MB|GB)$/.exec(size) ?? []
  const whole = Number(number) * KILOBYTES[unit as keyof typeof KILOBYTES]
  return `${Math.max(LEAST_KILOBYTES, Math.floor(whole / count))}kB`
}

function invalid (message: string, data: Record<string, unknown>): BackupError {
  return new BackupError('INVALID_OPTION', message, { data })
}
