import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { addressOf } from '../../src/dag/block.ts'
import { readRows } from '../../src/dag/read-content.ts'
import type { StoredRows } from '../../src/dag/stored-content.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import { findView, listViews, loadNodes } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { collect } from '../../src/stream.ts'
import { factsText } from './facts.ts'

describe('a published repository whose rows are scripts', () => {
  let folder: string
  let repository: Repository

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'caf-scripts-'))
    await cp(fileURLToPath(new URL('scripts', import.meta.url)), folder, { recursive: true })
    repository = await openRepository(directoryBackend(folder))
  })

  afterAll(async () => {
    await repository.close()
    await rm(folder, { recursive: true })
  })

  const rowsOf = async (id: string): Promise<StoredRows> =>
    (await loadNodes(await findView(repository, id), repository)).get('postgres/rows/public.facts')!.node.content as StoredRows

  it('gives back both of its days', async () => {
    const [first, second] = await listViews(repository)
    for (const [view, text] of [[first!, factsText(2_000, 1_000_000)], [second!, factsText(2_010, 97)]] as const) {
      expect(Buffer.from(await collect(readRows(await rowsOf(view.id), repository), { limit: 1_000_000 })).toString() === text).toBe(true)
    }
  })

  it('holds the second one as scripts, and is whole', async () => {
    const [first, second] = await listViews(repository)
    const encodings = async (id: string): Promise<unknown[]> =>
      (await Array.fromAsync(readEntries((await rowsOf(id)).root, repository))).map(({ link }) => repository.locate(addressOf(link))!.encoding)
    expect(await encodings(first!.id)).not.toContain(3)
    expect(await encodings(second!.id)).toContain(3)
    expect(await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))).toEqual([])
  })
})
