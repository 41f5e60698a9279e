import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FORGOTTEN_PREFIX } from '../../src/cas/layout.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import type { DirectoryBackend } from '../../src/storage/directory-backend.ts'
import { checkManifests, markManifests } from './manifest.ts'
import { printed, startCasProcess } from './start-cas-process.ts'
import type { CasProcess } from './start-cas-process.ts'

const ROUNDS = process.env['SLOW'] === '1' ? 60 : 4

let folder: string
let backend: DirectoryBackend

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-kill-'))
  backend = directoryBackend(folder)
  await (await createRepository(backend)).close()
})
afterEach(async () => { await rm(folder, { recursive: true }) })

/** From 0 to 400 ms, the same in every run. */
function pause (seed: string): number {
  return createHash('sha256').update(seed).digest().readUInt16LE() % 400
}

/** Lets it print so many lines, and then go on for a while. */
async function killAfter (process: CasProcess, count: number, ms: number): Promise<void> {
  const { child } = process
  const exit = once(child, 'exit')
  await printed(process, count)
  await delay(ms)
  child.kill('SIGKILL')
  await exit
}

async function checkIntact (promised: readonly string[]): Promise<void> {
  const repository = await openRepository(backend)
  try {
    expect(await Array.fromAsync(verifyStorage(repository))).toEqual([])
    await checkManifests(repository)
    const visible = new Set((await repository.visible()).map(commit => commit.id))
    for (const id of promised) expect(visible.has(id) || await backend.size(FORGOTTEN_PREFIX + id) !== undefined).toBe(true)
  } finally {
    await repository.close()
  }
}

describe('a repository whose processes are killed', () => {
  it('keeps every snapshot that was reported, and can be collected to the last pack', async () => {
    const promised: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const writer = startCasProcess('write', folder, `w${round}`)
      const collector = startCasProcess('collect', folder, `c${round}`)
      await Promise.all([killAfter(writer, 1 + round % 3, pause(`w${round}`)), killAfter(collector, 1, pause(`c${round}`))])
      expect(await writer.errors).toBe('')
      expect(await collector.errors).toBe('')
      promised.push(...writer.lines.slice(1))
      await checkIntact(promised)
    }
    expect(promised.length).toBeGreaterThan(ROUNDS / 2)
    await collectAll()
    expect(await Array.fromAsync(backend.list('blobs/'))).toEqual([])
  })

  it('serves two writers and a collector at once', async () => {
    const processes = [startCasProcess('write', folder, 'one', '4'), startCasProcess('write', folder, 'two', '4'), startCasProcess('collect', folder, 'c', '3')]
    const codes = await Promise.all(processes.map(async ({ child }) => (await once(child, 'exit'))[0] as number))
    expect(await Promise.all(processes.map(async ({ errors }) => await errors))).toEqual(['', '', ''])
    expect(codes).toEqual([0, 0, 0])
    await checkIntact(processes.flatMap(({ lines }) => lines.slice(1)))
  })
})

/** Forgets everything and collects until nothing is left to do. */
async function collectAll (): Promise<void> {
  const repository = await openRepository(backend)
  const mark = markManifests(repository)
  for (const { id } of await repository.visible()) await repository.forget(id)
  for (let round = 0; round < 3; round++) await applyGarbage(repository, await planGarbage(repository, { mark }), { mark, pollMs: 10 })
  await repository.close()
}
