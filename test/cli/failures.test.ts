import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flipBit } from './damage.ts'
import { jsonLines, openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

let workspace: Workspace
let folder: string
beforeAll(async () => {
  workspace = await openWorkspace()
  folder = workspace.folder
  await workspace.json('init')
  await workspace.json('snapshot')
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

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
    const finished = await workspace.here(line)
    expect(finished.stderr).toContain(text)
    expect(finished.status).toBe(status)
    if (text !== '') expect(finished.stderr).toMatch(/^caf: /)
    expect(finished.stdout + finished.stderr).not.toContain('hidden')
  })

  it('has a form for programs', async () => {
    const { status, stdout, stderr } = await workspace.here('show ffff --json')
    expect(status).toBe(2)
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'SNAPSHOT_MISSING', data: { reference: 'ffff' } } })
    expect(stderr).toContain('[SNAPSHOT_MISSING]')
    expect(JSON.parse((await workspace.here('show --json')).stdout)).toEqual({ error: { code: 'INVALID_OPTION', message: "missing required argument 'snapshot'", data: {} } })
  })

  it('shows its causes when asked to', async () => {
    const line = 'snapshot --files-folder nowhere --verbose'
    expect((await workspace.here(line)).stderr).toMatch(/^ {2}cause: /m)
  })

  it('is found by verify as damage, with what it hits', async () => {
    expect(await flipBit(join(folder, 'backups'), 'first\n')).toBe(1)
    const { status, stdout } = await workspace.caf('verify --read-data all --json')
    expect(status).toBe(3)
    expect(jsonLines(stdout).at(-1)).toMatchObject({ ok: false })
    expect(stdout).toContain('files/tree')
    const text = await workspace.caf('verify --read-data all')
    expect(text.stdout).toMatch(/^error: .*\n {2}hits files\/tree in snapshot [0-9a-f]{12}: /m)
    await flipBit(join(folder, 'backups'), 'first\n')
    expect((await workspace.here('verify --read-data all')).status).toBe(0)
  })
})
