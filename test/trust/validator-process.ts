import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { MAIN } from '../cli/run-caf.ts'

/** A real `caf validator serve`. */
export interface ValidatorProcess {
  readonly child: ChildProcess
  readonly url: string
  /** How it ended: its exit status, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>
}

/** Starts one in `cwd`, whose configuration names the repository, and waits until it listens. */
export async function startValidatorProcess (cwd: string, { state, listen = '127.0.0.1:0' }: { readonly state: string, readonly listen?: string }): Promise<ValidatorProcess> {
  const child = spawn(process.execPath, [MAIN, 'validator', 'serve', '--state', state, '--listen', listen, '--json'], { cwd, env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | NodeJS.Signals | null>(resolve => { child.once('exit', (status, signal) => { resolve(signal ?? status) }) })
  for await (const line of createInterface(child.stdout)) {
    return { child, ended, url: (JSON.parse(line) as { url: string }).url }
  }
  throw new Error(`the validator ended with ${await ended} before it listened`)
}
