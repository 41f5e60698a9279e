import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

export const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Finished {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Of stdout. @default 'utf8' */
  readonly encoding?: 'utf8' | 'latin1'
  /** Called as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void
}

/** Runs the real command line as a process of its own, with nothing in its environment but what is given, and a place to remember checkpoints that goes with `cwd`. */
export async function runCaf (args: readonly string[], { cwd, env = {}, encoding = 'utf8', onStart }: RunOptions): Promise<Finished> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { PATH: process.env['PATH'], CAF_STATE_DIR: join(cwd, '.state'), XDG_CACHE_HOME: join(cwd, '.cache'), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const output = Promise.all([buffer(child.stdout), text(child.stderr)])
  onStart?.(child)
  const [stdout, stderr] = await output
  return { status: await ended, stdout: stdout.toString(encoding), stderr }
}
