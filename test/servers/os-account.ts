import { execFileSync } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'

/** The account a server runs as; undefined to run it as ourselves. */
export interface OsAccount {
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root, so root lends it an account that every system has; nobody else needs one. */
export function serverAccount (): OsAccount | undefined {
  if (process.getuid?.() !== 0) return undefined
  const name = ['postgres', 'nobody'].find(exists)
  if (name === undefined) throw new Error('neither a user postgres nor a user nobody exists: run the tests as an ordinary user')
  return { uid: idOf('-u', name), gid: idOf('-g', name) }
}

/** A folder for temporary files that every account can reach, also when TMPDIR lies below a private folder. */
export async function reachableTmpdir (): Promise<string> {
  for (const folder of [tmpdir(), '/tmp', '/var/tmp']) {
    if (await isReachable(folder)) return folder
  }
  return tmpdir()
}

async function isReachable (folder: string): Promise<boolean> {
  const { mode } = await stat(folder)
  if ((mode & 0o001) === 0) return false
  return dirname(folder) === folder || await isReachable(dirname(folder))
}

function idOf (flag: '-u' | '-g', name: string): number {
  return Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
}

function exists (name: string): boolean {
  try {
    return idOf('-u', name) > 0
  } catch {
    return false
  }
}
