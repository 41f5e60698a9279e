import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { limitMemory } from '../../src/cli/memory-limits.ts'
import { runCaf } from './run-caf.ts'
import { openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

let workspace: Workspace
beforeAll(async () => {
  workspace = await openWorkspace()
  await writeFile(join(workspace.folder, 'starts.cjs'), "require('node:worker_threads').isMainThread && process.stderr.write(JSON.stringify([process.pid, process.execArgv]) + '\\n')")
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

const SETTINGS = ['--max-semi-space-size=1', '--wasm-tiering-budget=1000000000', '--heap-growing-percent=30']

/** The settings of each start of Node for `caf …`, all of which are one process. */
async function startsOf (args: readonly string[], nodeOptions = ''): Promise<string[][]> {
  let child: number | undefined
  const { status, stderr } = await runCaf(args, { cwd: workspace.folder, env: { NODE_OPTIONS: `--require ./starts.cjs ${nodeOptions}` }, onStart: ({ pid }) => { child = pid } })
  expect(status, stderr).toBe(0)
  const starts = stderr.trim().split('\n').map(line => JSON.parse(line) as [number, string[]])
  expect(new Set(starts.map(([pid]) => pid))).toEqual(new Set([child]))
  return starts.map(([, settings]) => settings)
}

describe('memory', () => {
  it('is limited for commands that go through much data, in the same process', async () => {
    expect(await startsOf(['init'])).toEqual([[]])
    expect(await startsOf(['snapshot'])).toEqual([[], [...SETTINGS, '--external-memory-accounted-in-global-limit']])
    expect(await startsOf(['snapshots'])).toEqual([[]])
  })

  it('is the caller\'s choice', async () => {
    expect(await startsOf(['verify'], '--max-semi-space-size=8')).toEqual([[]])
  })

  it('of malloc is limited as the caller says', () => {
    const given: unknown[] = []
    const execve = ((...start: readonly unknown[]) => { given.push(start) }) as unknown as NonNullable<NodeJS.Process['execve']>
    const started = { argv: ['node', 'main.js', 'gc', '--now'], execArgv: ['--inspect'], execPath: 'node', platform: 'linux', versions: process.versions, execve } as const
    for (const env of [{ PATH: '/bin' }, { MALLOC_ARENA_MAX: '8' }]) limitMemory({ ...started, argv: [...started.argv], execArgv: [...started.execArgv] }, env)
    const words = ['node', ...SETTINGS, '--inspect', 'main.js', 'gc', '--now']
    expect(given).toEqual([['node', words, { PATH: '/bin', MALLOC_ARENA_MAX: '2' }], ['node', words, { MALLOC_ARENA_MAX: '8' }]])
  })

  it('is limited on another V8 by what every one knows', () => {
    const given: string[][] = []
    const execve = ((_: string, words: string[]) => { given.push(words) }) as unknown as NonNullable<NodeJS.Process['execve']>
    limitMemory({ argv: ['node', 'main.js', 'gc'], execArgv: [], execPath: 'node', platform: 'linux', versions: { ...process.versions, v8: '99.1' }, execve }, {})
    expect(given).toEqual([['node', '--max-semi-space-size=1', 'main.js', 'gc']])
  })

  it('is left alone where the process cannot be replaced', () => {
    const execve = (): never => { throw new Error('replaced') }
    const started = { argv: ['node', 'main.js', 'gc'], execArgv: ['--inspect'], execPath: 'node', platform: 'linux', versions: process.versions, execve } as const
    const limit = (but: object, env: Readonly<Record<string, string>> = {}) => (): void => { limitMemory({ ...started, argv: [...started.argv], execArgv: [...started.execArgv], ...but }, env) }
    expect(limit({})).toThrow('replaced')
    expect(limit({ platform: 'win32' })).not.toThrow()
    expect(limit({ execve: undefined })).not.toThrow()
    expect(limit({}, { NODE_CHANNEL_FD: '3' })).not.toThrow()
  })
})
