import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { reachableTmpdir, serverAccount } from './os-account.ts'
import { postgresBinaries } from './postgres-binaries.ts'
import type { PostgresMajor } from './postgres-binaries.ts'

export interface PostgresOptions {
  readonly major: PostgresMajor
  /** Further server settings, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

export interface TestPostgres {
  readonly major: PostgresMajor
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly dataFolder: string
  url(database: string): string
  /** Stops the server and removes its data. Safe to call twice. */
  stop(): Promise<void>
  /** Ends the server as a crash does. Its data stay until `stop`. */
  kill(): Promise<void>
}

const HOST = '127.0.0.1'
const USER = 'postgres'
const PASSWORD = 'p@ss w/rd:1'

/** Reads until the pipe from its parent ends, however the parent ended; then stops the server and removes its data. */
const WATCHDOG = 'exec 3<&0; data=$1; shift; "$@" </dev/null & p=$!; echo "pid $p" >&2; read _ <&3; kill -INT $p; wait $p; rm -rf "$data"'

const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  max_connections: '60',
  max_prepared_transactions: '4',
  wal_level: 'logical',
  // The data do not outlive the test.
  fsync: 'off',
  full_page_writes: 'off',
}

/**
 * A PostgreSQL server with a cluster of its own, SCRAM passwords and a linguistic default collation.
 * It stops with this process, also when that is killed.
 */
export async function startPostgres (options: PostgresOptions): Promise<TestPostgres> {
  return await startPostgresOn(await initialise(await postgresBinaries(options.major)), options)
}

/** A server on a cluster that is there already and belongs to the servers' account; `stop` removes it. */
export async function startPostgresOn (dataFolder: string, { major, settings = {} }: PostgresOptions): Promise<TestPostgres> {
  const { watchdog, port, pid } = await launch(await postgresBinaries(major), dataFolder, { ...SETTINGS, ...settings })
  const stop = async (): Promise<void> => {
    watchdog.stdin?.end()
    if (watchdog.exitCode === null && watchdog.signalCode === null) await once(watchdog, 'exit')
  }
  return {
    major, host: HOST, port, user: USER, password: PASSWORD, dataFolder, stop,
    url: database => `postgres://${USER}:${encodeURIComponent(PASSWORD)}@${HOST}:${port}/${encodeURIComponent(database)}`,
    kill: async () => {
      process.kill(pid, 'SIGKILL')
      while (await accepts(port)) { /* its children notice within milliseconds */ }
    },
  }
}

async function initialise (binaries: string): Promise<string> {
  const account = serverAccount()
  const folder = await mkdtemp(join(await reachableTmpdir(), 'caf-test-pgdata-'))
  const passwordFile = `${folder}.password`
  await writeFile(passwordFile, PASSWORD)
  if (account !== undefined) for (const path of [folder, passwordFile]) await chown(path, account.uid, account.gid)
  // A linguistic order by default, so that whoever relies on the order of bytes has to ask for it.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=icu', '--icu-locale=en-US']
  await promisify(execFile)(join(binaries, 'bin', 'initdb'),
    ['-D', folder, '-U', USER, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '--no-sync', ...locale],
    { ...account, cwd: folder, env: environment() })
  await rm(passwordFile)
  return folder
}

interface Launched {
  readonly watchdog: ChildProcess
  readonly port: number
  readonly pid: number
}

async function launch (binaries: string, folder: string, settings: Readonly<Record<string, string>>): Promise<Launched> {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  for (;;) {
    const port = await freePort()
    const watchdog = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', folder, join(binaries, 'bin', 'postgres'), '-D', folder, '-p', String(port), ...flags],
      { ...serverAccount(), cwd: '/', env: environment(), detached: true, stdio: ['pipe', 'ignore', 'pipe'] })
    const pid = await started(watchdog)
    if (pid !== undefined) return { watchdog, port, pid }
    watchdog.kill('SIGKILL') // before it removes the data, which the next attempt needs
  }
}

/** The server's process id once it accepts connections; undefined when somebody else took the port meanwhile. */
async function started (watchdog: ChildProcess): Promise<number | undefined> {
  let log = ''
  for await (const piece of watchdog.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
    log += String(piece)
    if (/ready to accept (read-only )?connections/.test(log)) break
    if (log.includes('Address already in use')) return undefined
    if (log.includes('FATAL')) throw new Error(`PostgreSQL does not start: ${log}`)
  }
  watchdog.stderr?.resume()
  return Number(/^pid (\d+)$/m.exec(log)?.[1])
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function accepts (port: number): Promise<boolean> {
  const socket = connect(port, HOST)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

function environment (): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' }
}
