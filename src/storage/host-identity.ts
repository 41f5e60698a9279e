import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemCode } from '../errors.ts'

/**
 * Names the world in which a process id means something: `<host name>.<8 hex digits>`. The digits change with
 * every boot and differ between containers that share a host name, where the same id is another process.
 */
export function hostIdentity (): string {
  const world = [readOptional(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')), readOptional(() => readlinkSync('/proc/self/ns/pid'))]
  const digits = createHash('sha256').update(world.join('\n')).digest('hex').slice(0, 8)
  return `${hostname()}.${digits}`
}

function readOptional (read: () => string): string {
  try {
    return read()
  } catch {
    return '' // Not Linux: the host name alone has to do.
  }
}

/** False only if there surely is no process `pid` in this process's world. */
export function mayBeAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) !== 'ESRCH'
  }
}
