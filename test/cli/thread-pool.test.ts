import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { widenThreadPool } from '../../src/cli/thread-pool.ts'
import { runCaf } from './run-caf.ts'
import { openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

/** Prints how many of the process's threads are libuv's when it ends. */
const COUNT = `
  const { readdirSync, readFileSync } = require('node:fs')
  const names = () => readdirSync('/proc/self/task').map(task => readFileSync('/proc/self/task/' + task + '/comm', 'latin1').trim())
  if (require('node:worker_threads').isMainThread) process.on('exit', () => { process.stderr.write('threads ' + names().filter(name => name === 'libuv-worker').length) })
`
let workspace: Workspace
beforeAll(async () => {
  workspace = await openWorkspace()
  await writeFile(join(workspace.folder, 'count.cjs'), COUNT)
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

describe('the threads that files are synced by', () => {
  it.skipIf(process.platform !== 'linux')('are sixteen, also after the process has replaced itself (/proc tells their names)', async () => {
    for (const args of [['init'], ['snapshot']]) {
      const { status, stderr } = await runCaf(args, { cwd: workspace.folder, env: { NODE_OPTIONS: '--require ./count.cjs' } })
      expect([status, stderr]).toEqual([0, 'threads 16'])
    }
  })

  it('are as many as the caller says', () => {
    const env = { UV_THREADPOOL_SIZE: '2' }
    widenThreadPool(env)
    expect(env).toEqual({ UV_THREADPOOL_SIZE: '2' })
  })
})
