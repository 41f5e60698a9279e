import { execFile } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flipBit } from './damage.ts'
import { MAIN, runCaf } from './run-caf.ts'
import type { Finished, RunOptions } from './run-caf.ts'
import { runHere } from './run-here.ts'

const CONFIG = { repository: 'backups', project: 'notes', sources: { files: { folder: 'storage' } } }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-test-cli-'))
  await writeFile(join(folder, 'caf.config.json'), JSON.stringify(CONFIG))
  await mkdir(join(folder, 'storage/deep'), { recursive: true })
  await writeFile(join(folder, 'storage/deep/plan.md'), 'first\n')
  await writeFile(join(folder, 'storage/tool.sh'), '#!/bin/sh\n')
  await chmod(join(folder, 'storage/tool.sh'), 0o755)
})
afterAll(async () => { await rm(folder, { recursive: true }) })

const caf = async (line: string, options: Partial<RunOptions> = {}): Promise<Finished> => await runCaf(line.split(' '), { cwd: folder, env: { NODE_COMPILE_CACHE: join(folder, '.cache') }, ...options })
/** The same in this process, which is quicker. */
const here = async (line: string): Promise<Finished> => await runHere(line.split(' '), { cwd: folder })
async function json<T = Record<string, unknown>> (line: string): Promise<T> {
  const { status, stdout, stderr } = await here(`${line} --json`)
  expect([status, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as T
}
const lines = (text: string): Array<Record<string, unknown>> => text.trim().split('\n').map(line => JSON.parse(line) as Record<string, unknown>)

describe('the command line', () => {
  const ids: string[] = []

  it('makes a repository, once', async () => {
    expect(await json('init')).toMatchObject({ repository: join(folder, 'backups') })
    const again = await here('init')
    expect(again.status).toBe(5)
    expect(again.stderr).toMatch(/^caf: there is a repository in .* already \[REPOSITORY_EXISTS\]\n$/)
  })

  it('finds everything in order', async () => {
    const { status, stdout } = await caf('doctor')
    expect(status).toBe(0)
    expect(stdout.split('\n').filter(line => line !== '').map(line => line.split(/\s+/)[0])).toEqual(Array.from({ length: 6 }, () => 'ok'))
  })

  it('takes snapshots and lists them', async () => {
    const first = await json<{ id: string }>('snapshot -d first -t one -t two')
    await writeFile(join(folder, 'storage/deep/plan.md'), 'second\n')
    await writeFile(join(folder, 'storage/new.txt'), 'new\n')
    const { status, stdout } = await caf('snapshot')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^snapshot [0-9a-f]{32}\n1 node \(0 unchanged\)/)
    const snapshots = await json<Array<{ id: string, tags: string[], description: string, project: string }>>('snapshots')
    expect(snapshots).toMatchObject([{ id: first.id, description: 'first', tags: ['one', 'two'], project: 'notes' }, { description: '', tags: [] }])
    ids.push(...snapshots.map(({ id }) => id))
    expect(await json('snapshots --last 1')).toMatchObject([{ id: ids[1] }])
    expect(await json('snapshots --tag two')).toMatchObject([{ id: ids[0] }])
    expect(await json('snapshots --project other')).toEqual([])
  })

  it('prints plain columns into a pipe', async () => {
    const { stdout } = await caf('snapshots')
    const [heading, first, ...rest] = stdout.trimEnd().split('\n')
    expect(heading).toBe('id            created               project  tags      validated by  description')
    expect(first).toMatch(new RegExp(String.raw`^${ids[0]!.slice(0, 12)}  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  notes    one, two  local         first$`))
    expect(rest).toHaveLength(1)
  })

  it('shows a snapshot, its nodes and its files', async () => {
    expect(await json(`show ${ids[0]!.slice(0, 6)}`)).toMatchObject({ id: ids[0], kinds: [{ kind: 'files', nodes: 1, rows: 3 }] })
    const shown = await here('show notes/latest')
    expect(shown.stdout).toContain(ids[1])
    expect(lines((await here('ls latest --json')).stdout)).toMatchObject([{ id: 'files/tree', kind: 'files', rows: 4 }])
    expect(lines((await here('ls latest files/tree --json')).stdout)).toMatchObject([
      { path: 'deep', type: 'directory' }, { path: 'deep/plan.md', sizeBytes: 7 }, { path: 'new.txt' }, { path: 'tool.sh', mode: '755' },
    ])
    expect((await here('ls latest files/tree')).stdout).toMatch(/^-0755 +10 B {2}\S+Z {2}tool\.sh$/m)
  })

  it('shows what differs', async () => {
    expect(lines((await here(`diff ${ids[0]} ${ids[1]} --json`)).stdout)).toMatchObject([{ id: 'files/tree', change: 'changed', rows: { added: 1, removed: 0 } }])
    const rows = lines((await here(`diff ${ids[0]} latest --rows files/tree --json`)).stdout)
    expect(rows.map(({ change, key }) => [change, key])).toEqual(expect.arrayContaining([['changed', ['deep/plan.md']], ['added', ['new.txt']]]))
    expect((await here(`diff ${ids[0]} latest --rows files/tree`)).stdout).toMatch(/^\+ new\.txt/m)
  })

  it('restores: shows the plan, refuses what is in the way, puts back beside and in place', async () => {
    const plan = await caf(`restore ${ids[0]} --dry-run`)
    expect(plan.status).toBe(5)
    expect(plan.stdout).toMatch(/would bring back 1 node.*nothing was changed\nin the way: .*\[TARGET_EXISTS\]\n$/)
    expect((await here(`restore ${ids[0]}`)).stderr).toContain('[TARGET_EXISTS]')
    expect(await json(`restore ${ids[0]} --to-folder copy`)).toMatchObject({ snapshotId: ids[0], restored: 1 })
    expect(await readFile(join(folder, 'copy/deep/plan.md'), 'utf8')).toBe('first\n')
    expect((await stat(join(folder, 'copy/tool.sh'))).mode & 0o777).toBe(0o755)
    expect(await json('restore latest')).toMatchObject({ restored: 0, skipped: 1 })
  })

  it('restores one file, and keeps what it replaced', async () => {
    const outcome = await json<{ preserved: string }>(`restore ${ids[0]} --file deep/plan.md --replace`)
    expect(await readFile(join(folder, 'storage/deep/plan.md'), 'utf8')).toBe('first\n')
    expect(await readFile(join(folder, 'storage/new.txt'), 'utf8')).toBe('new\n')
    expect(await json(`show ${outcome.preserved}`)).toMatchObject({ tags: ['before-restore'], project: 'notes.before-restore' })
    expect(await json('show latest')).toMatchObject({ id: ids[1] })
    expect(await json('restore latest --file deep --replace --no-preserve-history')).not.toHaveProperty('preserved')
    await rm(join(folder, 'storage/tool.sh'))
    expect(await json('restore latest --file tool.sh'), 'nothing could be replaced').not.toHaveProperty('preserved')
    await json(`forget ${outcome.preserved} --yes`)
  })

  it('exports an archive that unzips, and imports it elsewhere', async () => {
    const exported = await json<{ file: string, root: string }>('export latest all.caf --brain-version 7 --total-memories 3')
    expect(exported.file).toBe(join(folder, 'all.caf'))
    const piped = await runCaf(['export', 'latest', '-', '--brain-version', '7', '--total-memories', '3'], { cwd: folder, encoding: 'latin1' })
    expect(Buffer.from(piped.stdout, 'latin1').equals(await readFile(exported.file))).toBe(true)
    await json('init --repository other')
    const imported = await json<{ id: string, root: string, project: string }>('import all.caf --as copy --repository other')
    expect(imported).toMatchObject({ root: exported.root, project: 'copy' })
    const restored = await json('import all.caf --repository other --to-folder elsewhere')
    expect(restored).toMatchObject({ project: 'notes', restored: { restored: 1 } })
    expect(await readFile(join(folder, 'elsewhere/new.txt'), 'utf8')).toBe('new\n')
    const bytes = await readFile(exported.file)
    await writeFile(join(folder, 'bad.caf'), bytes.subarray(0, bytes.length - 100))
    expect((await here('import bad.caf --repository other')).status).toBe(3)
  })

  it('verifies, counts and repairs', async () => {
    expect(lines((await here('verify --read-data all --json')).stdout)).toEqual([{ ok: true, errors: 0, warnings: 0, readData: 'all' }])
    expect((await here('verify --read-data 50%')).stdout).toBe('no damage found; 50% of the chunks were read\n')
    expect(await json('stats')).toMatchObject({ snapshots: 2 })
    expect(await json('repair')).toMatchObject({ left: [] })
  })

  it('forgets by name and by rule, and collects', async () => {
    const preview = await json<{ snapshots: Array<{ verdict: string, id: string }> }>('forget --keep-last 1 --dry-run')
    expect(preview.snapshots).toMatchObject([{ verdict: 'forget', id: ids[0] }, { verdict: 'keep', id: ids[1] }])
    expect(await json('snapshots')).toHaveLength(2)
    expect(await json(`forget ${ids[0]} --yes`)).toMatchObject({ forgotten: [ids[0]] })
    expect(await json('snapshots')).toMatchObject([{ id: ids[1] }])
    expect(await json('gc --dry-run')).toMatchObject({ dryRun: true })
    expect(await json('gc')).toMatchObject({ dryRun: false })
    expect((await here('verify --read-data all')).status).toBe(0)
  })
})

describe('a failure', () => {
  it.each([
    ['snapshotz', 2, 'unknown command \'snapshotz\''],
    ['gc --dry', 2, 'unknown option \'--dry\''],
    ['show', 2, 'missing required argument \'snapshot\''],
    ['snapshots --last x', 2, 'It must be a whole number from 1'],
    ['verify --read-data 0%', 2, 'such as 10%'],
    ['restore', 2, 'name a snapshot'],
    ['restore latest --resume', 2, 'name a snapshot'],
    ['restore latest --strategy full --file a', 2, '[INVALID_OPTION]'],
    ['restore latest --to-database copy', 2, '[INVALID_OPTION]'],
    ['restore --resume', 2, '[RESTORE_NONE]'],
    ['forget', 2, 'nothing says what to forget'],
    ['forget ffff --keep-last 1', 2, 'not both'],
    ['show ffff', 2, '[SNAPSHOT_MISSING]'],
    ['ls latest nothing', 2, '[NODE_MISSING]'],
    ['diff latest latest --rows nothing', 2, '[NODE_MISSING]'],
    ['snapshots --config none.ts', 2, '[CONFIG_INVALID]'],
    ['snapshots --concurrency 0', 2, '--concurrency must be a whole number from 1'],
    ['snapshots --repository nowhere', 2, '[REPOSITORY_MISSING]'],
    ['snapshot --source other', 2, 'no source other is configured; there is files'],
    ['snapshot --files-folder nowhere', 4, '[SOURCE_MISSING]'],
    ['doctor --files-folder nowhere', 4, ''],
    ['doctor --postgres-url postgres://u:hidden@127.0.0.1:1/db', 4, ''],
  ])('of `caf %s` ends with status %d and says why', async (line, status, text) => {
    const finished = await here(line)
    expect(finished.stderr).toContain(text)
    expect(finished.status).toBe(status)
    if (text !== '') expect(finished.stderr).toMatch(/^caf: /)
    expect(finished.stdout + finished.stderr).not.toContain('hidden')
  })

  it('has a form for programs', async () => {
    const { status, stdout, stderr } = await here('show ffff --json')
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'SNAPSHOT_MISSING', data: { reference: 'ffff' } } })
    expect(stderr).toContain('[SNAPSHOT_MISSING]')
  })

  it('shows its causes when asked to', async () => {
    const line = 'snapshot --files-folder nowhere --verbose'
    expect((await here(line)).stderr).toMatch(/^ {2}cause: /m)
  })

  it('is found by verify as damage, with what it hits', async () => {
    expect(await flipBit(join(folder, 'backups'), 'new\n')).toBe(1)
    const { status, stdout } = await caf('verify --read-data all --json')
    expect(status).toBe(3)
    expect(lines(stdout).at(-1)).toMatchObject({ ok: false })
    expect(stdout).toContain('files/tree')
    const text = await caf('verify --read-data all')
    expect(text.stdout).toMatch(/^error: .*\n {2}hits files\/tree in snapshot [0-9a-f]{12}: /m)
    await flipBit(join(folder, 'backups'), 'new\n')
    expect((await here('verify --read-data all')).status).toBe(0)
  })
})

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
    const before = await json<unknown[]>('snapshots')
    const interrupted = await caf('snapshot --files-folder large --json --progress json', {
      onStart: child => { child.stdout?.once('data', () => { child.kill('SIGINT') }) },
    })
    expect(interrupted.status).toBe(130)
    expect(interrupted.stderr).toBe('caf: interrupted; nothing new is visible [CANCELLED]\n')
    expect(lines(interrupted.stdout)[0]).toMatchObject({ progress: { step: 'capture', item: 'files/tree' } })
    expect(await json('snapshots')).toEqual(before)
    const { status } = await caf('verify')
    expect(status).toBe(0)
    const running = await readdir(join(folder, 'backups/sessions'))
    const ended = await readdir(join(folder, 'backups/outcomes'))
    expect(running.filter(id => !ended.includes(id))).toEqual([])
  })
})

describe('a restore that is killed', () => {
  const killed = async (): Promise<void> => {
    const { status } = await caf('restore latest --config big.json --to-folder back', { onStart: child => { void killWhenJournaled(child) } })
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
    await json('init --config big.json')
    await json('snapshot --config big.json')
  })

  it('holds up others until it is undone', async () => {
    await killed()
    expect(await here('restore latest --config big.json --to-folder beside')).toMatchObject({ status: 5, stderr: expect.stringContaining('[RESTORE_PENDING]') as string })
    expect((await here('doctor --config big.json')).stdout).toMatch(/^warning .*is not finished/m)
    expect(await json('restore --abort --config big.json')).toHaveProperty('aborted')
    expect((await readdir(folder)).filter(name => name.startsWith('back'))).toEqual(['backups'])
    expect(await here('restore --abort --config big.json')).toMatchObject({ status: 2, stderr: expect.stringContaining('[RESTORE_NONE]') as string })
  })

  it('goes on where it was going', async () => {
    await killed()
    expect(await json('restore --resume --config big.json')).toMatchObject({ restored: 1 })
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
