import { createHash, randomBytes } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hostIdentity, mayBeAlive } from './host-identity.ts'

/** `~` is not allowed in keys, so a temporary file can never be taken for an object. */
const NAME = /^~([0-9a-f]{8})~(\d+)~[0-9a-f]{16}$/

/** Longer than any single object takes to write; only for files whose process cannot be asked for. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000

function world (): string {
  return createHash('sha256').update(hostIdentity()).digest('hex').slice(0, 8)
}

/** A new name that tells which process of which boot of which host writes the file. */
export function temporaryName (): string {
  return `~${world()}~${process.pid}~${randomBytes(8).toString('hex')}`
}

/**
 * Removes what killed processes left in `folder`: files of dead processes of this host, and files of other hosts or
 * boots that nobody has touched for a day. Should their writer wake up after all, its write fails and changes nothing.
 */
export async function removeLeftovers (folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const match = NAME.exec(name)
    if (match === null) continue
    const path = join(folder, name)
    const dead = match[1] === world() ? !mayBeAlive(Number(match[2])) : await isAbandoned(path)
    if (dead) await rm(path, { force: true })
  }
}

async function isAbandoned (path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS
}
