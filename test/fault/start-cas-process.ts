import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

const SCRIPT = join(import.meta.dirname, 'cas-process.ts')

export interface CasProcess {
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** What it printed, line by line, while it runs. */
  readonly lines: readonly string[]
  readonly errors: Promise<string>
}

/** Starts a process that works on the repository in `folder` as cas-process.ts says. */
export function startCasProcess (task: 'write' | 'collect', folder: string, ...more: readonly string[]): CasProcess {
  const child = spawn(process.execPath, [SCRIPT, task, folder, ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => { lines.push(line) })
  return { child, lines, errors: text(child.stderr) }
}

/** Resolves when it has printed so many lines, or is over. */
export async function printed ({ child, lines }: CasProcess, count: number): Promise<void> {
  while (lines.length < count && child.exitCode === null && child.signalCode === null) await delay(5)
}
