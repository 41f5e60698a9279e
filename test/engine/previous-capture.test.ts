import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { exportArchive } from '../../src/engine/export.ts'
import { importArchive } from '../../src/engine/import.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import type { CaptureSummary, Source } from '../../src/sources/source.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { artifactSource } from './artifact-source.ts'

let folder: string
let repository: Repository
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-previous-'))
  repository = await createRepository(memoryBackend())
})
afterEach(async () => {
  await repository.close()
  await rm(folder, { recursive: true })
})

/** What the source is told of its capture before, in a new snapshot. */
async function toldIn (made: Repository, options: { readonly fullRead?: boolean } = {}): Promise<CaptureSummary | undefined> {
  let told: CaptureSummary | undefined
  const inner = artifactSource('database', () => [])
  const source: Source = {
    name: 'database',
    capture: async ({ previous } = {}) => {
      told = previous
      return await inner.capture()
    },
  }
  await createSnapshot(made, { sources: [source], description: '', ...options })
  return told
}

describe('a source is told of its capture before', () => {
  it('from the second snapshot on, unless everything is to be read', async () => {
    expect(await toldIn(repository)).toBeUndefined()
    expect(await toldIn(repository)).toMatchObject({ name: 'database' })
    expect(await toldIn(repository, { fullRead: true })).toBeUndefined()
  })

  it('but not by an archive, which anybody could have written', async () => {
    const maker = await createRepository(memoryBackend())
    await toldIn(maker)
    const path = join(folder, 'soul.caf')
    await exportArchive(maker, 'latest', path)
    await maker.close()
    await importArchive(repository, path)
    expect(await toldIn(repository)).toBeUndefined()
    expect(await toldIn(repository)).toBeDefined()
  })
})
