import { execFile } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdir, readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MAIN } from './run-caf.ts'
import { jsonLines, openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

let workspace: Workspace
let folder: string
beforeAll(async () => {
  workspace = await openWorkspace()
  folder = workspace.folder
  await workspace.json('init')
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

describe('a pipe', () => {
  it('may be closed before it is read', async () => {
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', `"${process.execPath}" "${MAIN}" completion bash | true; echo "status \${PIPESTATUS[0]}"`], { cwd: folder })
    expect(stdout).toBe('status 0\n')
    expect(stderr).toBe('')
  })
})

describe('Ctrl-C', () => {
  it('during a snapshot leaves nothing visible', async () => {
    await mkdir(join(folder, 'large'))
    await writeFile(join(folder, 'large/zeros'), '')
    await truncate(join(folder, 'large/zeros'), 16 * 1024 ** 3)
    const before = await workspace.json<unknown[]>('snapshots')
    const interrupted = await workspace.caf('snapshot --files-folder large --json --progress json', {
      onStart: child => { child.stdout?.once('data', () => { child.kill('SIGINT') }) },
    })
    expect(interrupted.status).toBe(130)
    expect(interrupted.stderr).toBe('caf: interrupted; nothing new is visible [CANCELLED]\n')
    expect(jsonLines(interrupted.stdout)[0]).toMatchObject({ progress: { step: 'capture', item: 'files/tree' } })
    expect(await workspace.json('snapshots')).toEqual(before)
    const { status } = await workspace.caf('verify')
    expect(status).toBe(0)
    const running = await readdir(join(folder, 'backups/sessions'))
    const ended = await readdir(join(folder, 'backups/outcomes'))
    expect(running.filter(id => !ended.includes(id))).toEqual([])
  })
})

describe('a restore that is killed', () => {
  const killed = async (): Promise<void> => {
    const { status } = await workspace.caf('restore latest --config big.json --to-folder back', { onStart: child => { void killWhenJournaled(child) } })
    expect(status).toBeNull()
    expect(await journal()).toHaveLength(1)
  }
  /** Names of records; one that is just being written has a temporary name. */
  const journal = async (): Promise<string[]> => (await readdir(join(folder, 'big-backups/restores')).catch(() => [])).filter(name => /^[0-9a-f]{32}$/.test(name))
  const killWhenJournaled = async (child: ChildProcess): Promise<void> => {
    while ((await journal()).length === 0 && child.exitCode === null) await setImmediate()
    child.kill('SIGKILL')
  }

  beforeAll(async () => {
    await writeFile(join(folder, 'big.json'), JSON.stringify({ repository: 'big-backups', sources: { files: { folder: 'big' } } }))
    await mkdir(join(folder, 'big'))
    await writeFile(join(folder, 'big/zeros'), '')
    await truncate(join(folder, 'big/zeros'), 128 * 1024 ** 2)
    await workspace.json('init --config big.json')
    await workspace.json('snapshot --config big.json')
  })

  it('holds up others until it is undone', async () => {
    await killed()
    expect(await workspace.here('restore latest --config big.json --to-folder beside')).toMatchObject({ status: 5, stderr: expect.stringContaining('[RESTORE_PENDING]') as string })
    expect((await workspace.here('doctor --config big.json')).stdout).toMatch(/^warning .*is not finished/m)
    expect(await workspace.json('restore --abort --config big.json')).toHaveProperty('aborted')
    expect((await readdir(folder)).filter(name => name.startsWith('back'))).toEqual(['backups'])
    expect(await workspace.here('restore --abort --config big.json')).toMatchObject({ status: 2, stderr: expect.stringContaining('[RESTORE_NONE]') as string })
  })

  it('goes on where it was going', async () => {
    await killed()
    expect(await workspace.json('restore --resume --config big.json')).toMatchObject({ restored: 1 })
    expect((await stat(join(folder, 'back/zeros'))).size).toBe(128 * 1024 ** 2)
    expect((await readdir(folder)).filter(name => name.startsWith('back'))).toEqual(['back', 'backups'])
  })
})

describe('an old Node', () => {
  it('gets one sentence', async () => {
    const ts = await import('typescript')
    const { outputText } = ts.default.transpileModule(await readFile(MAIN, 'utf8'), { compilerOptions: { target: ts.default.ScriptTarget.ES2024, module: ts.default.ModuleKind.ESNext } })
    const old = outputText.replace('process.versions.node', '"20.1.0"')
    expect(old).not.toBe(outputText)
    await writeFile(join(folder, 'main.mjs'), old)
    const finished = await promisify(execFile)(process.execPath, [join(folder, 'main.mjs')]).catch((error: unknown) => error as { code: number, stdout: string, stderr: string })
    expect(finished).toMatchObject({ code: 2, stdout: '', stderr: `caf: Node 24 or newer is needed, this is ${process.version}\n` })
  })
})
