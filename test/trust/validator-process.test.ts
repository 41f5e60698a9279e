import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { formatVkey } from '../../src/trust/log/note-key.ts'
import { folderOf } from '../../src/trust/witness/witness-state.ts'
import { openWorkspace } from '../cli/workspace.ts'
import type { Workspace } from '../cli/workspace.ts'
import { startValidator } from './validator-host.ts'
import { startValidatorProcess } from './validator-process.ts'
import type { ValidatorProcess } from './validator-process.ts'

let workspace: Workspace | undefined
const toClose: Array<{ close(): Promise<void> }> = []
const processes: ValidatorProcess[] = []

afterEach(async () => {
  for (const { child, ended } of processes.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  await Promise.all(toClose.splice(0).map(async host => { await host.close() }))
  await workspace?.[Symbol.asyncDispose]()
})

const started = async (folder: string, listen?: string): Promise<ValidatorProcess> => {
  const validator = await startValidatorProcess(folder, { state: 'state', ...(listen === undefined ? {} : { listen }) })
  processes.push(validator)
  return validator
}

/** Size of the last checkpoint that it serves as cosigned. */
const cosignedSize = async (url: string, origin: string): Promise<number> => Number((await (await fetch(`${url}/${folderOf(origin)}/checkpoint`)).text()).split('\n')[1])

it('a validator process is killed, paused and told to stop at work: snapshots go on without it, and it goes on where it was', async () => {
  workspace = await openWorkspace()
  const { folder, json, here } = workspace
  const snapshot = async (text: string): Promise<readonly string[]> => {
    await writeFile(join(folder, 'storage/deep/plan.md'), text)
    return (await json<{ validatedBy: string[] }>('snapshot')).validatedBy
  }
  await json('init')
  expect(await snapshot('zero')).toEqual(['local'])

  // The policy is made by the commands themselves.
  let validator = await started(folder)
  const { line: log, vkey } = await json<{ line: string, vkey: string }>('validator log')
  const { line, name } = await json<{ line: string, name: string }>(`validator key --state state --url ${validator.url}`)
  expect((await stat(join(folder, 'state/key'))).mode & 0o777).toBe(0o600)
  const others = await Promise.all([1, 2].map(async seed => await startValidator(join(folder, 'backups'), { stateFolder: join(folder, `other-${seed}`), seed })))
  toClose.push(...others)
  const lines = others.map(({ name: other, key, url }) => `witness ${other} ${formatVkey(key)} ${url}`)
  const config = JSON.parse(await readFile(join(folder, 'caf.config.json'), 'utf8')) as object
  await writeFile(join(folder, 'caf.config.json'), JSON.stringify({ ...config, consensus: { policy: 'policy' } }))
  const demand = async (of: number): Promise<void> => { await writeFile(join(folder, 'policy'), [log, line, ...lines, `group all-of-us ${of} ${name} v1 v2`, 'quorum all-of-us', ''].join('\n')) }
  await demand(3)
  expect(await snapshot('one')).toEqual([name, 'v1', 'v2'].sort())
  await demand(2)

  validator.child.kill('SIGSTOP')
  expect(await snapshot('two')).toEqual(['v1', 'v2'])
  validator.child.kill('SIGCONT')

  const [during] = await Promise.all([snapshot('three'), new Promise(setImmediate).then(() => validator.child.kill('SIGKILL'))])
  expect(during).toEqual(expect.arrayContaining(['v1', 'v2']))
  expect(await validator.ended).toBe('SIGKILL')
  expect(await snapshot('four')).toEqual(['v1', 'v2'])

  const origin = vkey.split('+')[0]!
  validator = await started(folder, new URL(validator.url).host)
  expect(await cosignedSize(validator.url, origin)).toBeGreaterThanOrEqual(4)
  const before = await cosignedSize(validator.url, origin)
  await demand(3)
  expect(await snapshot('five')).toEqual([name, 'v1', 'v2'].sort())
  expect(await cosignedSize(validator.url, origin)).toBeGreaterThan(before)

  validator.child.kill('SIGTERM')
  expect(await validator.ended).toBe(143)
  const shown = await here('show latest')
  expect(shown.stdout).toContain(name)
})
