import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { runCaf } from './run-caf.ts'
import type { Finished, RunOptions } from './run-caf.ts'
import { runHere } from './run-here.ts'

/** A folder with a configuration and some files to back up; the repository is `backups`, not yet made. */
export interface Workspace extends AsyncDisposable {
  readonly folder: string
  /** Runs a command line, split at its blanks, as a process of its own. */
  caf(line: string, options?: Partial<RunOptions>): Promise<Finished>
  /** The same in this process, which is quicker. */
  here(line: string): Promise<Finished>
  /** What a command that must succeed prints with `--json`. */
  json<T = Record<string, unknown>>(line: string): Promise<T>
}

export async function openWorkspace (): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'caf-test-cli-'))
  await writeFile(join(folder, 'caf.config.json'), JSON.stringify({ repository: 'backups', project: 'notes', sources: { files: { folder: 'storage' } } }))
  await mkdir(join(folder, 'storage/deep'), { recursive: true })
  await writeFile(join(folder, 'storage/deep/plan.md'), 'first\n')
  await writeFile(join(folder, 'storage/tool.sh'), '#!/bin/sh\n')
  await chmod(join(folder, 'storage/tool.sh'), 0o755)
  const env = { CAF_STATE_DIR: join(folder, '.state') }
  const here = async (line: string): Promise<Finished> => await runHere(line.split(' '), { cwd: folder, env })
  return {
    folder,
    here,
    caf: async (line, options) => await runCaf(line.split(' '), { cwd: folder, env: { ...env, NODE_COMPILE_CACHE: join(folder, '.cache') }, ...options }),
    async json<T> (line: string): Promise<T> {
      const { status, stdout, stderr } = await here(`${line} --json`)
      expect([status, stderr]).toEqual([0, ''])
      return JSON.parse(stdout) as T
    },
    async [Symbol.asyncDispose] () {
      await rm(folder, { recursive: true })
    },
  }
}

/** Lines of JSON. */
export function jsonLines (text: string): Array<Record<string, unknown>> {
  return text.trim().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)
}
