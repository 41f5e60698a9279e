import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
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
  const settings = { primary_conninfo: `host=${host} port=${port} user=${user} password='${password}'` }
  return await startPostgresOn(folder, { major, settings })
}

async function baseBackup ({ host, port, user, password, dataFolder }: TestPostgres): Promise<string> {
  const client = new pg.Client({ host, port, user, password, database: 'postgres' })
  await client.connect()
  try {
    const folder = await mkdtemp(join(dataFolder, '..', 'caf-test-pgdata-'))
    await client.query("SELECT pg_backup_start('standby', true)")
    // The copies belong to whom the originals belong to.
    await promisify(execFile)('cp', ['-a', `${dataFolder}/.`, folder])
    const { rows: [backup] } = await client.query<{ label: string }>('SELECT labelfile AS label FROM pg_backup_stop(false)')
    await writeFile(join(folder, 'backup_label'), backup?.label ?? '')
    await writeFile(join(folder, 'standby.signal'), '')
    await rm(join(folder, 'postmaster.pid'))
    const account = serverAccount()
    if (account !== undefined) await promisify(execFile)('chown', ['-R', `${account.uid}:${account.gid}`, folder])
    return folder
  } finally {
    await client.end()
  }
}
