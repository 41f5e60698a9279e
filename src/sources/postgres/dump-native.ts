import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { connectionString } from './connection-string.ts'
import { dumpFailure } from './dump-failure.ts'
import type { Endpoint } from './endpoint.ts'

interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The major version of an installed pg_dump. @throws {BackupError} `TOOL_MISSING` */
export async function nativeDumpMajor (program: string, options: AbortOptions = {}): Promise<number> {
  const { stdout } = await run(program, ['--version'], {}, options)
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]
  if (major === undefined) throw new BackupError('TOOL_MISSING', `${program} does not say which version of pg_dump it is`, { data: { program } })
  return Number(major)
}

/** Runs an installed pg_dump. @param args without those that say where the database is */
export async function nativeDump (program: string, endpoint: Endpoint, { database, args, signal }: AbortOptions & { readonly database: string, readonly args: readonly string[] }): Promise<string> {
  const { host, port, user, password, tlsMode, tlsFiles } = endpoint
  const target = connectionString({ host, port: String(port), user, dbname: database, sslmode: tlsMode, ...tlsFiles })
  const { status, stdout, stderr } = await run(program, [...args, '-d', target], { PGPASSWORD: password }, { signal })
  if (status !== 0) throw dumpFailure(stderr, endpoint)
  return stdout
}

async function run (program: string, args: readonly string[], environment: Readonly<Record<string, string>>, { signal }: AbortOptions): Promise<Finished> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LC_ALL: 'C', ...environment }, signal })
  try {
    const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null]>])
    return { status, stdout, stderr }
  } catch (cause) {
    signal?.throwIfAborted()
    throw new BackupError('TOOL_MISSING', `${program} cannot be run; install PostgreSQL's client programs, or leave pgDump out to use the built-in one`, { cause, data: { program } })
  }
}
