import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { importArchive } from '../../src/caf/archive-import.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { loadSnapshot } from '../../src/caf/snapshot-nodes.ts'
import { walk } from '../../src/dag/walk.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { buildSnapshot, sampleArtifacts } from './sample-snapshot.ts'

it('an archive comes into a repository with other parameters, and out of it as the same bytes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'caf-import-'))
  const backend = memoryBackend()
  const first = await createRepository(backend, { seed: Buffer.alloc(16, 9) })
  try {
    const { root, blobs } = await buildSnapshot(sampleArtifacts())
    const one = join(folder, 'one.caf'), two = join(folder, 'two.caf')
    await writeArchive({ snapshot: root, blobs }, createWriteStream(one))
    const writer = await first.openWriter()
    const archive = await openArchive(one)
    const imported = await importArchive({ archive, blobs: writer })
    await archive.close()
    await writer.commit({ root: imported.root.toString(), consensus: false, validatedBy: [], statements: [] })
    await first.close()

    const second = await openRepository(backend)
    const reader = await second.openReader({ snapshots: [writer.id] })
    for await (const { address } of walk([root], reader)) expect(await reader.get(address), address).toBeDefined()
    expect((await loadSnapshot(root, reader)).nodes).toHaveLength(sampleArtifacts().length)
    await writeArchive({ snapshot: root, blobs: reader }, createWriteStream(two))
    await reader.close()
    await second.close()
    const again = await openArchive(two)
    const before = await openArchive(one)
    expect(again.manifest).toEqual(before.manifest)
    await Promise.all([again.close(), before.close()])
  } finally {
    await rm(folder, { recursive: true })
  }
})
