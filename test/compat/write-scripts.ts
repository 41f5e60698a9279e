/**
 * Makes `test/compat/scripts/`, a small repository whose second snapshot stores rows as scripts that edit the first one's (packs of version 2).
 *   node test/compat/write-scripts.ts <folder>
 * Run it only when that form changes; what is committed stays as it is.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createRepository } from '../../src/cas/repository.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { facts } from './facts.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder to make')
const repository = await createRepository(directoryBackend(folder), { cacheFolder: false })
await createSnapshot(repository, { sources: [facts(2_000, 1_000_000)], description: 'before' })
await createSnapshot(repository, { sources: [facts(2_010, 97, { told: 2_000 })], description: 'after' })
await repository.close()
await rm(join(folder, 'sessions'), { recursive: true }) // They are over, and name the host.
