import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const run = promisify(execFile)

/** Bytes that a process needs at most for two snapshots, a verification and a restore of a state of this size. */
async function memoryFor (megabytes: number): Promise<number> {
  const { stdout } = await run(process.execPath, ['--expose-gc', join(import.meta.dirname, 'memory-child.ts'), String(megabytes)])
  return Number(stdout)
}

it('memory does not grow with the size of the data', async () => {
  const small = await memoryFor(40)
  const large = await memoryFor(160)
  expect(large).toBeLessThan(small + 80_000_000) // the larger state has 210 MB more
}, 300_000)
