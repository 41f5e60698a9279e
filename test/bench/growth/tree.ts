/** One snapshot of so many simulated files in the repository that is given, which is made if it is not there: run it again for another day. Prints its result. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createRepository, openRepository } from '../../../src/cas/repository.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import { directoryBackend } from '../../../src/storage/directory-backend.ts'
import { simulatedFiles } from './simulated-files.ts'

const [folder = '', files = '1000', day = '0'] = process.argv.slice(2)
const backend = directoryBackend(join(folder, 'repository'))
const repository = existsSync(join(folder, 'repository', 'config.json')) ? await openRepository(backend) : await createRepository(backend)
const started = performance.now()
const { storedBytes, sizeBytes } = await createSnapshot(repository, { sources: [simulatedFiles({ files: Number(files), day: Number(day) })], description: `day ${day}`, memoryFolder: join(folder, 'memory') })
process.stdout.write(JSON.stringify({ ms: performance.now() - started, storedBytes, sizeBytes }))
await repository.close()
