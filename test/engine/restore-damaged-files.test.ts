import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { walk } from '../../src/dag/walk.ts'
import { pendingRestores } from '../../src/engine/restore-journal.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../src/engine/snapshot-view.ts'
import { filesRestorer } from '../../src/sources/files/files-restorer.ts'
import { filesSource } from '../../src/sources/files/files-source.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { flipBlob } from './flip-blob.ts'

let folder: string
let repository: Repository
let snapshot: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-damaged-files-'))
  await mkdir(join(folder, 'from'))
  for (const name of ['a', 'b', 'c']) await writeFile(join(folder, 'from', name), seededBytes(40_000, name))
  repository = await createRepository(memoryBackend())
  snapshot = (await createSnapshot(repository, { sources: [filesSource({ folder: join(folder, 'from') })], description: 'soon damaged' })).id
})

afterEach(async () => {
  await repository.close()
  await rm(folder, { recursive: true })
})

it('makes no folder out of damaged bytes, names whose they are, and leaves nothing behind', async () => {
  const id = 'files/tree'
  const { node } = (await loadNodes(await findView(repository, snapshot), repository)).get(id)!
  const chunks = (await Array.fromAsync(walk([node.content.root], repository))).filter(({ kind }) => kind === 'chunk')
  for (const { address } of chunks) {
    await flipBlob(repository, address)
    const fresh = await openRepository(repository.backend)
    const restorers = [filesRestorer({ folder: join(folder, 'to') })]
    await expect(restoreSnapshot(fresh, snapshot, { restorers, policy: { preserveHistory: false } })).rejects.toMatchObject({ code: 'NODE_INVALID', data: { id, address } })
    expect(await readdir(folder)).toEqual(['from'])
    expect(await pendingRestores(fresh)).toEqual([])
    await fresh.close()
    await flipBlob(repository, address)
  }
  expect(chunks).toHaveLength(4) // the files, and their rows
})
