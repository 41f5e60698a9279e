/** So many snapshots in one line, in the folder that is given: a file of a thousand changes before each. Prints how the last compares with the first. */
import { join } from 'node:path'
import { createRepository } from '../../../src/cas/repository.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import { directoryBackend } from '../../../src/storage/directory-backend.ts'
import { folderSize } from '../folder-size.ts'
import { simulatedFiles } from './simulated-files.ts'

const [folder = '', snapshots = '100'] = process.argv.slice(2)
const repository = await createRepository(directoryBackend(folder))
const millis: number[] = []
const bytes: number[] = []
for (let number = 1; number <= Number(snapshots); number++) {
  const before = await stored()
  const started = performance.now()
  await createSnapshot(repository, { sources: [simulatedFiles({ files: 1_000, day: number })], description: `number ${number}` })
  millis.push(performance.now() - started)
  bytes.push(await stored() - before)
}
await repository.close()
const logBytes = await folderSize(join(folder, 'metadata', 'log'))
const middle = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
const [early, late] = [[1, 11], [-10, undefined]] as const
process.stdout.write(JSON.stringify({
  snapshots: millis.length, logBytes,
  earlyMs: middle(millis.slice(...early)), lateMs: middle(millis.slice(...late)), earlyBytes: middle(bytes.slice(...early)), lateBytes: middle(bytes.slice(...late)),
}))

async function stored (): Promise<number> {
  return await folderSize(folder, ['metadata/level'])
}
