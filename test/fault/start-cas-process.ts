import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

export interface CasProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  /** What it printed, line by line, while it runs. */
  readonly lines: readonly string[]
  readonly errors: Promise<string>
}

/** Starts a process that works on the repository in `folder` as cas-process.ts says. */
export function startCasProcess (task: 'write' | 'step' | 'collect', folder: string, ...more: readonly string[]): CasProcess {
  return startProcess('cas-process.ts', task, folder, ...more)
}

/** Starts a script of this folder. */
export function startProcess (script: string, ...args: readonly string[]): CasProcess {
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => { lines.push(line) })
  return { child, lines, errors: text(child.stderr) }
}

/** Resolves when it has printed so many lines, or is over. */
export async function printed ({ child, lines }: CasProcess, count: number): Promise<void> {
  while (lines.length < count && child.exitCode === null && child.signalCode === null) await delay(5)
}
