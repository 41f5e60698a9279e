import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCaf } from './run-caf.ts'
import { jsonLines, openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

let workspace: Workspace
let folder: string
beforeAll(async () => {
  workspace = await openWorkspace()
  folder = workspace.folder
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

describe('the command line', () => {
  const ids: string[] = []

  it('makes a repository, once', async () => {
    expect(await workspace.json('init')).toMatchObject({ repository: join(folder, 'backups') })
    const again = await workspace.here('init')
    expect(again.status).toBe(5)
    expect(again.stderr).toMatch(/^caf: there is a repository in .* already \[REPOSITORY_EXISTS\]\n$/)
  })

  it('finds everything in order', async () => {
    const { status, stdout } = await workspace.caf('doctor')
    expect(status).toBe(0)
    expect(stdout.split('\n').filter(line => line !== '').map(line => line.split(/\s+/)[0])).toEqual(Array.from({ length: 6 }, () => 'ok'))
  })

  it('takes snapshots and lists them', async () => {
    const first = await workspace.json<{ id: string }>('snapshot -d first -t one -t two')
    await writeFile(join(folder, 'storage/deep/plan.md'), 'second\n')
    await writeFile(join(folder, 'storage/new.txt'), 'new\n')
    const { status, stdout } = await workspace.caf('snapshot')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^snapshot [0-9a-f]{32}\n1 node \(0 unchanged\)/)
    const snapshots = await workspace.json<Array<{ id: string, tags: string[], description: string, project: string }>>('snapshots')
    expect(snapshots).toMatchObject([{ id: first.id, description: 'first', tags: ['one', 'two'], project: 'notes' }, { description: '', tags: [] }])
    ids.push(...snapshots.map(({ id }) => id))
    expect(await workspace.json('snapshots --last 1')).toMatchObject([{ id: ids[1] }])
    expect(await workspace.json('snapshots --tag two')).toMatchObject([{ id: ids[0] }])
    expect(await workspace.json('snapshots --project other')).toEqual([])
  })

  it('prints plain columns into a pipe', async () => {
    const { stdout } = await workspace.caf('snapshots')
    const [heading, first, ...rest] = stdout.trimEnd().split('\n')
    expect(heading).toBe('id            created               project  tags      validated by            description')
    expect(first).toMatch(new RegExp(String.raw`^${ids[0]!.slice(0, 12)}  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  notes    one, two  local \(self-validated\)  first$`))
    expect(rest).toHaveLength(1)
  })

  it('shows a snapshot, its nodes and its files', async () => {
    expect(await workspace.json(`show ${ids[0]!.slice(0, 6)}`)).toMatchObject({ id: ids[0], kinds: [{ kind: 'files', nodes: 1, rows: 3 }] })
    const shown = await workspace.here('show notes/latest')
    expect(shown.stdout).toContain(ids[1])
    expect(shown.stdout).toMatch(/local \(self-validated\)\n +local: accepts, looked at graph and data; on .+, which made the snapshot/)
    expect(jsonLines((await workspace.here('ls latest --json')).stdout)).toMatchObject([{ id: 'files/tree', kind: 'files', rows: 4 }])
    expect(jsonLines((await workspace.here('ls latest files/tree --json')).stdout)).toMatchObject([
      { path: 'deep', type: 'directory' }, { path: 'deep/plan.md', sizeBytes: 7 }, { path: 'new.txt' }, { path: 'tool.sh', mode: '755' },
    ])
    expect((await workspace.here('ls latest files/tree')).stdout).toMatch(/^-0755 +10 B {2}\S+Z {2}tool\.sh$/m)
  })

  it('shows what differs', async () => {
    expect(jsonLines((await workspace.here(`diff ${ids[0]} ${ids[1]} --json`)).stdout)).toMatchObject([{ id: 'files/tree', change: 'changed', rows: { added: 1, removed: 0 } }])
    const rows = jsonLines((await workspace.here(`diff ${ids[0]} latest --rows files/tree --json`)).stdout)
    expect(rows.map(({ change, key }) => [change, key])).toEqual(expect.arrayContaining([['changed', ['deep/plan.md']], ['added', ['new.txt']]]))
    expect((await workspace.here(`diff ${ids[0]} latest --rows files/tree`)).stdout).toMatch(/^\+ new\.txt/m)
  })

  it('restores: shows the plan, refuses what is in the way, puts back beside and in place', async () => {
    const plan = await workspace.caf(`restore ${ids[0]} --dry-run`)
    expect(plan.status).toBe(5)
    expect(plan.stdout).toMatch(/would bring back 1 node.*nothing was changed\nin the way: .*\[TARGET_EXISTS\]\n$/)
    expect((await workspace.here(`restore ${ids[0]}`)).stderr).toContain('[TARGET_EXISTS]')
    expect(await workspace.json(`restore ${ids[0]} --to-folder copy`)).toMatchObject({ snapshotId: ids[0], restored: 1 })
    expect(await readFile(join(folder, 'copy/deep/plan.md'), 'utf8')).toBe('first\n')
    expect((await stat(join(folder, 'copy/tool.sh'))).mode & 0o777).toBe(0o755)
    expect(await workspace.json('restore latest')).toMatchObject({ restored: 0, skipped: 1 })
  })

  it('restores one file, and keeps what it replaced', async () => {
    const outcome = await workspace.json<{ preserved: string }>(`restore ${ids[0]} --file deep/plan.md --replace`)
    expect(await readFile(join(folder, 'storage/deep/plan.md'), 'utf8')).toBe('first\n')
    expect(await readFile(join(folder, 'storage/new.txt'), 'utf8')).toBe('new\n')
    expect(await workspace.json(`show ${outcome.preserved}`)).toMatchObject({ tags: ['before-restore'], project: 'notes.before-restore' })
    expect(await workspace.json('show latest')).toMatchObject({ id: ids[1] })
    expect(await workspace.json('restore latest --file deep --replace --no-preserve-history')).not.toHaveProperty('preserved')
    await rm(join(folder, 'storage/tool.sh'))
    expect(await workspace.json('restore latest --file tool.sh'), 'nothing could be replaced').not.toHaveProperty('preserved')
    await workspace.json(`forget ${outcome.preserved} --yes`)
  })

  it('exports an archive that unzips, and imports it elsewhere', async () => {
    const exported = await workspace.json<{ file: string, root: string }>('export latest all.caf --brain-version 7 --total-memories 3')
    expect(exported.file).toBe(join(folder, 'all.caf'))
    const piped = await runCaf(['export', 'latest', '-', '--brain-version', '7', '--total-memories', '3'], { cwd: folder, encoding: 'latin1' })
    expect(Buffer.from(piped.stdout, 'latin1').equals(await readFile(exported.file))).toBe(true)
    await workspace.json('init --repository other')
    const refused = await workspace.here('import all.caf --as copy --repository other')
    expect([refused.status, refused.stderr]).toEqual([5, expect.stringContaining('ORIGIN_UNPROVEN')])
    const { vkey } = await workspace.json<{ vkey: string }>('validator log')
    const imported = await workspace.json<{ id: string, root: string, project: string }>(`import all.caf --as copy --repository other --log-key ${vkey}`)
    expect(imported).toMatchObject({ root: exported.root, project: 'copy', origin: { proven: true } })
    const restored = await workspace.json('import all.caf --repository other --accept-unsigned --to-folder elsewhere')
    expect(restored).toMatchObject({ project: 'notes', restored: { restored: 1 } })
    expect(await readFile(join(folder, 'elsewhere/new.txt'), 'utf8')).toBe('new\n')
    const bytes = await readFile(exported.file)
    await writeFile(join(folder, 'bad.caf'), bytes.subarray(0, bytes.length - 100))
    expect((await workspace.here('import bad.caf --repository other --accept-unsigned')).status).toBe(3)
  })

  it('verifies, counts and repairs', async () => {
    expect(jsonLines((await workspace.here('verify --read-data all --json')).stdout)).toMatchObject([{ ok: true, errors: 0, warnings: 0, readData: 'all', coverage: { unread: 0 } }])
    expect((await workspace.here('verify --read-data 50%')).stdout).toMatch(/^no damage found; read \d packs? of [\d.]+ KiB; every pack was read within the last 24 hours\n$/)
    expect((await workspace.here('verify --read-data 1KB')).stdout).toMatch(/; read 1 pack of /)
    expect((await workspace.here('verify --resume')).status).toBe(2)
    expect(await workspace.json('stats')).toMatchObject({ snapshots: 2 })
    expect(await workspace.json('repair')).toMatchObject({ left: [] })
  })

  it('forgets by name and by rule, and collects', async () => {
    const preview = await workspace.json<{ snapshots: Array<{ verdict: string, id: string }> }>('forget --keep-last 1 --dry-run')
    expect(preview.snapshots).toMatchObject([{ verdict: 'forget', id: ids[0] }, { verdict: 'keep', id: ids[1] }])
    expect(await workspace.json('snapshots')).toHaveLength(2)
    expect(await workspace.json(`forget ${ids[0]} --yes`)).toMatchObject({ forgotten: [ids[0]] })
    expect(await workspace.json('snapshots')).toMatchObject([{ id: ids[1] }])
    expect(await workspace.json('gc --dry-run')).toMatchObject({ dryRun: true })
    expect(await workspace.json('gc')).toMatchObject({ dryRun: false })
    expect((await workspace.here('verify --read-data all')).status).toBe(0)
  })

  it('forgets and frees the space in one go', async () => {
    await writeFile(join(folder, 'storage/short-lived.txt'), 'for one snapshot')
    const { id } = await workspace.json<{ id: string }>('snapshot')
    await rm(join(folder, 'storage/short-lived.txt'))
    await workspace.here('snapshot')
    const preview = await workspace.json(`forget ${id} --gc --dry-run`)
    expect(preview).toMatchObject({ dryRun: true, forgotten: [] })
    expect(preview).not.toHaveProperty('collected')
    const { collected } = await workspace.json<{ collected: { removedBlobs: number, packsDeleted: number } }>(`forget ${id} --yes --gc`)
    expect(collected.removedBlobs).toBeGreaterThan(0)
    expect(collected.packsDeleted).toBeGreaterThan(0)
    expect((await workspace.here('forget --keep-last 9 --yes --gc')).stdout).toMatch(/\nfreed 0 B: 0 blobs removed, 0 packs deleted\n$/)
    expect((await workspace.here('verify --read-data all')).status).toBe(0)
  })
})
