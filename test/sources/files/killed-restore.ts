/**
 * A process of its own that restores a small tree and is killed at the n-th call to rename, link, mkdir or rm.
 * Argument: a JSON of {@link KilledRestore}.
 */
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type { FilesRestorerOptions } from '../../../src/sources/files/files-restorer.ts'

export interface KilledRestore {
  readonly options: FilesRestorerOptions
  /** The step in which it dies; one before is done, one after is not. */
  readonly step: 'prepare' | 'commit'
  /** Which call kills it, from 1. */
  readonly call: number
}

const { options, step, call } = JSON.parse(process.argv[2]!) as KilledRestore
let calls = 0
let isDeadly = false

for (const name of ['rename', 'link', 'mkdir', 'rm'] as const) {
  const original = fs[name] as (...parameters: unknown[]) => unknown
  Reflect.set(fs, name, (...parameters: unknown[]): unknown => {
    if (isDeadly && ++calls === call) process.kill(process.pid, 'SIGKILL')
    return original(...parameters)
  })
}
syncBuiltinESMExports()

const { filesRestorer } = await import('../../../src/sources/files/files-restorer.ts')
const { newTree } = await import('./sample-trees.ts')
const restorer = filesRestorer(options)
isDeadly = step === 'prepare'
await restorer.prepare([newTree()])
isDeadly = true
await restorer.commit()
