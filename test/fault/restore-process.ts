/** Restores the newest snapshot of a repository into the folders `left` and `right` beside it, saying each stage: `node restore-process.ts <folder>`. */
import { join } from 'node:path'
import { openRepository } from '../../src/cas/repository.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { filesRestorer } from '../../src/sources/files/files-restorer.ts'
import type { Restorer } from '../../src/sources/source.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'

export function restorersIn (folder: string): Restorer[] {
  return ['left', 'right'].map(name => filesRestorer({ name, folder: join(folder, name), replace: 'swap' }))
}

const [folder] = process.argv.slice(2)
if (import.meta.filename === process.argv[1] && folder !== undefined) {
  const repository = await openRepository(directoryBackend(join(folder, 'repository')))
  process.stdout.write('begin\n')
  await restoreSnapshot(repository, 'latest', { restorers: restorersIn(folder), policy: { strategy: 'full', preserveHistory: false } })
  process.stdout.write('end\n')
  await repository.close()
}
