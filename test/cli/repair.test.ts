import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRepository } from '../../src/cas/repository.ts'
import { CID, addressOf } from '../../src/dag/block.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { contentOf } from '../damaged/damage.ts'
import { flipBit } from './damage.ts'
import { openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

let workspace: Workspace
let backups: string
let first: string
beforeAll(async () => {
  workspace = await openWorkspace()
  backups = join(workspace.folder, 'backups')
  await workspace.json('init')
  await writeFile(join(workspace.folder, 'storage/other.md'), 'other\n')
  first = (await workspace.json<{ id: string }>('snapshot')).id
  await cp(backups, join(workspace.folder, 'copy'), { recursive: true })
  await rm(join(workspace.folder, 'copy/metadata/level'), { recursive: true })
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

describe('caf repair', () => {
  it('heals from a second repository, once it is told to do it', async () => {
    await flipBit(backups, 'first\n')
    const lost = await workspace.here('repair')
    expect([lost.status, lost.stderr]).toEqual([3, ''])
    expect(lost.stdout).toMatch(/^lost: .* \[BLOB_CORRUPT\]\n {2}hits files\/tree in snapshot [0-9a-f]{12}: file deep\/plan\.md: all of it$/m)
    const before = await contentOf(directoryBackend(backups))
    const dry = await workspace.here('repair --from copy --dry-run')
    expect([dry.status, dry.stdout]).toEqual([0, expect.stringContaining('1 blob could be healed from')])
    expect([...(await contentOf(directoryBackend(backups))).keys()].filter(key => !key.includes('/level/'))).toEqual([...before.keys()].filter(key => !key.includes('/level/')))
    expect((await workspace.here('verify --read-data all')).status).toBe(3)
    const healed = await workspace.json<{ healed: unknown[], lost: unknown[] }>('repair --from copy')
    expect(healed).toMatchObject({ dryRun: false, lost: [], left: [], healed: [{ from: join(workspace.folder, 'copy') }] })
    const verified = await workspace.here('verify --read-data all')
    expect([verified.status, verified.stdout]).toEqual([0, expect.stringContaining('warning: ')])
    await workspace.json('restore latest --to-folder elsewhere')
    expect(await readFile(join(workspace.folder, 'elsewhere/deep/plan.md'), 'utf8')).toBe('first\n')
  })

  it('heals from the sources what is unchanged there', async () => {
    await flipBit(backups, '#!/bin/sh\n')
    await flipBit(backups, 'other\n')
    await writeFile(join(workspace.folder, 'storage/other.md'), 'changed\n')
    const { status, stdout } = await workspace.here('repair --from-sources')
    expect(status).toBe(3)
    expect(stdout).toContain('1 blob healed from source files\n')
    expect(stdout).toContain('file other.md')
    expect(stdout).not.toContain('file tool.sh')
    expect((await workspace.here('repair --from copy')).status).toBe(0)
  })

  it('refuses to heal a repository from itself, or from nothing', async () => {
    expect((await workspace.here('repair --from backups')).stderr).toContain('[INVALID_OPTION]')
    expect((await workspace.here('repair --from nowhere')).stderr).toContain('[REPOSITORY_MISSING]')
  })
})

it('`caf forget` takes a snapshot of which the root block is lost, by the beginning of its id', async () => {
  const copy = directoryBackend(backups)
  const { root } = JSON.parse(Buffer.from((await copy.get(`outcomes/${first}`))!).toString()) as { root: string }
  await flipBit(backups, await rootBlock(root))
  expect((await workspace.here(`show ${first}`)).status).toBe(3)
  const { status, stdout } = await workspace.here(`forget ${first.slice(0, 8)} --yes`)
  expect([status, stdout]).toEqual([0, expect.stringMatching(/named, damaged: [^]*forgot 1 snapshot/)])
  expect(await workspace.json('snapshots')).toEqual([])
})

/** The bytes of the root block, from the other repository. */
async function rootBlock (root: string): Promise<Uint8Array> {
  const repository = await openRepository(directoryBackend(join(workspace.folder, 'copy')))
  try {
    return (await repository.get(addressOf(CID.parse(root))))!
  } finally {
    await repository.close()
  }
}
