import { readFileSync, readdirSync } from 'node:fs'

/** Resident bytes of a process and all that it started, now (pages that they share count in each), and the most that any one of them ever had. Zero once they have ended. */
export function residentBytes (pid: number): { readonly sum: number, readonly highest: number } {
  let sum = 0
  let highest = 0
  for (const id of [pid, ...descendants(pid)]) {
    const status = readText(`/proc/${id}/status`)
    sum += kibibytes(status, 'VmRSS')
    highest = Math.max(highest, kibibytes(status, 'VmHWM'))
  }
  return { sum, highest }
}

function descendants (pid: number): number[] {
  return threads(pid).flatMap(thread => {
    const children = readText(`/proc/${pid}/task/${thread}/children`).split(' ').filter(id => id !== '').map(Number)
    return children.flatMap(child => [child, ...descendants(child)])
  })
}

/** CPU time in ms of a process and of the children that it has waited for, as a server's main process does for all that serve its clients. */
export function cpuTimeMs (pid: number): number {
  const fields = readText(`/proc/${pid}/stat`).replace(/^.*\) /, '').split(' ')
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0)
  return ticks * 10
}

function threads (pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return [] // it has ended, or this system has no /proc
  }
}

function readText (path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function kibibytes (status: string, field: string): number {
  return 1_024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
}
