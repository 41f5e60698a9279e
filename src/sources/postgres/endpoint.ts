import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { BackupError } from '../../errors.ts'

/** libpq's modes without `allow`. `prefer`: encrypted when the server can, whoever it is. */
const TLS_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type TlsMode = typeof TLS_MODES[number]

/** Where a server is and who we are there. */
export interface Endpoint {
  /** Host name, IP address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly tlsMode: TlsMode
  readonly tls: ConnectionOptions
  /** The URL's sslrootcert, sslcert and sslkey, for programs that read them themselves. */
  readonly tlsFiles: Readonly<Record<string, string>>
}

/**
 * Reads `postgres://user:password@host:port/?sslmode=…&sslrootcert=…&sslcert=…&sslkey=…&host=…`; a database in the path is ignored.
 * @throws {BackupError} `INVALID_OPTION`, never with the URL in it
 */
export function parseEndpoint (url: string): Endpoint {
  const parsed = URL.parse(url)
  if (parsed === null || !/^postgres(ql)?:$/.test(parsed.protocol)) throw invalid('the URL of a PostgreSQL server must look like postgres://user:password@host:5432')
  const parameter = (name: string): string | undefined => parsed.searchParams.get(name) ?? undefined
  if (parsed.username === '') throw invalid('the URL of a PostgreSQL server names no user')
  const host = parameter('host') ?? decodeURIComponent(parsed.hostname).replace(/^\[(.*)\]$/, '$1')
  if (host === '') throw invalid('the URL of a PostgreSQL server names no host')
  const tlsMode = parseTlsMode(parameter('sslmode') ?? (host.startsWith('/') ? 'disable' : 'prefer'))
  return {
    host,
    port: parsed.port === '' ? 5432 : Number(parsed.port),
    user: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    tlsMode,
    tls: tlsOptions(tlsMode, parameter),
    tlsFiles: Object.fromEntries(['sslrootcert', 'sslcert', 'sslkey'].flatMap(name => parameter(name) === undefined ? [] : [[name, parameter(name) ?? '']])),
  }
}

/** `host:port`, for messages. */
export function locationOf ({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function parseTlsMode (value: string): TlsMode {
  const mode = TLS_MODES.find(known => known === value)
  if (mode === undefined) throw invalid(`sslmode ${value} is unknown; known are ${TLS_MODES.join(', ')}`)
  return mode
}

function tlsOptions (mode: TlsMode, parameter: (name: string) => string | undefined): ConnectionOptions {
  const file = (name: string): Buffer | undefined => readIfNamed(name, parameter(name))
  const ca = parameter('sslrootcert') === 'system' ? undefined : file('sslrootcert')
  const cert = file('sslcert')
  const key = file('sslkey')
  return {
    ...(ca !== undefined && { ca }), ...(cert !== undefined && { cert }), ...(key !== undefined && { key }),
    rejectUnauthorized: mode === 'verify-ca' || mode === 'verify-full',
    ...(mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  }
}

function readIfNamed (name: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new BackupError('INVALID_OPTION', `${name} ${path} cannot be read`, { cause, data: { path } })
  }
}

function invalid (message: string): BackupError {
  return new BackupError('INVALID_OPTION', message)
}
