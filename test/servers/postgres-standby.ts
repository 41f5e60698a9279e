import { execFile } from 'node:child_process'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { serverAccount } from './os-account.ts'
import { startPostgresOn } from './postgres.ts'
import type { TestPostgres } from './postgres.ts'

/** A hot standby of a running server, made from a base backup of it. */
export async function startStandby (primary: TestPostgres): Promise<TestPostgres> {
  const { host, port, user, password, major } = primary
  const folder = await baseBackup(primary)
  await writeAsServer(join(folder, 'standby.signal'), '')
  const settings = { primary_conninfo: `host=${host} port=${port} user=${user} password='${password}'` }
  return await startPostgresOn(folder, { major, settings })
}

/** The data of a running server that nobody writes to, as if its disk were brought back later: call the result to start it, once. */
export async function copyOf ({ dataFolder, major, ...server }: TestPostgres): Promise<() => Promise<TestPostgres>> {
  const client = new pg.Client({ host: server.host, port: server.port, user: server.user, password: server.password, database: 'postgres' })
  await client.connect()
  try {
    await client.query('CHECKPOINT')
    const folder = await copied(dataFolder)
    return async () => await startPostgresOn(folder, { major })
  } finally {
    await client.end()
  }
}

async function baseBackup ({ host, port, user, password, dataFolder }: TestPostgres): Promise<string> {
  const client = new pg.Client({ host, port, user, password, database: 'postgres' })
  await client.connect()
  try {
    await client.query("SELECT pg_backup_start('standby', true)")
    const folder = await copied(dataFolder)
    const { rows: [backup] } = await client.query<{ label: string }>('SELECT labelfile AS label FROM pg_backup_stop(false)')
    await writeAsServer(join(folder, 'backup_label'), backup?.label ?? '')
    return folder
  } finally {
    await client.end()
  }
}

/** A copy that a server can be started on. */
async function copied (dataFolder: string): Promise<string> {
  const folder = await mkdtemp(join(dataFolder, '..', 'caf-test-pgdata-'))
  // The copies belong to whom the originals belong to.
  await promisify(execFile)('cp', ['-a', `${dataFolder}/.`, folder])
  await rm(join(folder, 'postmaster.pid'))
  const account = serverAccount()
  if (account !== undefined) await promisify(execFile)('chown', ['-R', `${account.uid}:${account.gid}`, folder])
  return folder
}

async function writeAsServer (path: string, text: string): Promise<void> {
  await writeFile(path, text)
  const account = serverAccount()
  if (account !== undefined) await chown(path, account.uid, account.gid)
}
