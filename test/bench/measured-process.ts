import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { residentBytes } from './process-tree.ts'

/** What a command took. */
export interface Cost {
  readonly wallMs: number
  /** Of all its processes, user and system. */
  readonly cpuMs: number
  /** Most resident bytes of all its processes at one time; 0 where there is no /proc. */
  readonly peakBytes: number
}

export interface Ran {
  readonly cost: Cost
  readonly stdout: string
}

export interface RunOptions {
  readonly cwd: string
  /** All of it; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Ends it with all its processes. */
  readonly signal: AbortSignal
}

const SAMPLE_MS = 20

/** The shell waits for the whole pipeline, so that its `times` has all of it: the second line is that of its children. */
const WRAPPER = 'set -o pipefail; eval "$BENCH_COMMAND" 3>&-; status=$?; times >&3; exit $status'

/**
 * Runs a bash command as a process of its own and measures it.
 * @throws when it fails, with the end of what it printed.
 */
export async function runMeasured (command: string, { cwd, env, signal }: RunOptions): Promise<Ran> {
  signal.throwIfAborted()
  const started = performance.now()
  const child = spawn('bash', ['-c', WRAPPER], { cwd, env: { ...env, BENCH_COMMAND: command }, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  const kill = (): void => { process.kill(-child.pid!, 'SIGKILL') }
  signal.addEventListener('abort', kill)
  let peakBytes = 0
  const sampler = setInterval(() => {
    const { sum, highest } = residentBytes(child.pid!)
    peakBytes = Math.max(peakBytes, sum, highest)
  }, SAMPLE_MS)
  try {
    const output = Promise.all([text(child.stdout!), text(child.stderr!), text(child.stdio[3] as Readable)])
    const [status] = await once(child, 'exit') as [number | null]
    const wallMs = performance.now() - started
    const [stdout, stderr, times] = await output
    signal.throwIfAborted()
    if (status !== 0) throw new Error(`${command} ended with ${status}: ${(stdout + stderr).slice(-2_000)}`)
    return { cost: { wallMs, cpuMs: childrenMs(times), peakBytes }, stdout }
  } finally {
    clearInterval(sampler)
    signal.removeEventListener('abort', kill)
  }
}

function childrenMs (times: string): number {
  const children = times.trim().split('\n')[1] ?? ''
  return children.split(' ').reduce((total, time) => {
    const [, minutes, seconds] = /^(\d+)m([\d.,]+)s$/.exec(time) ?? []
    return total + (Number(minutes) * 60 + Number(seconds?.replace(',', '.'))) * 1_000
  }, 0)
}
