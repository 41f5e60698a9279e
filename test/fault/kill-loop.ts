import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { FORGOTTEN_PREFIX, PACK_PREFIX } from '../../src/cas/layout.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import type { DirectoryBackend } from '../../src/storage/directory-backend.ts'
import { checkManifests, markManifests } from './manifest.ts'
import { printed, startCasProcess } from './start-cas-process.ts'
import type { CasProcess } from './start-cas-process.ts'

/** Processes that work on one repository and are killed, and what they promised before. */
export class KillLoop {
  /** Ids of the snapshots that were reported. */
  readonly promised: string[] = []
  readonly backend: DirectoryBackend
  readonly #seed: string

  private constructor (backend: DirectoryBackend, seed: string) {
    this.backend = backend
    this.#seed = seed
  }

  /** A new repository in `folder`. */
  static async create (folder: string, seed = ''): Promise<KillLoop> {
    const backend = directoryBackend(folder)
    await (await createRepository(backend)).close()
    return new KillLoop(backend, seed)
  }

  /** Starts a writer and a collector, kills both somewhere, and checks what they leave. @throws {AssertionError} */
  async killBoth (round: number): Promise<void> {
    const [write, collect] = [`${this.#seed}w${round}`, `${this.#seed}c${round}`]
    const writer = startCasProcess('write', this.backend.location, write)
    const collector = startCasProcess('collect', this.backend.location, collect)
    await Promise.all([killAfter(writer, 1 + round % 3, pause(write)), killAfter(collector, 1, pause(collect))])
    assert.equal(await writer.errors, '')
    assert.equal(await collector.errors, '')
    this.promised.push(...writer.lines.slice(1))
    await this.checkIntact()
  }

  /** Every snapshot that was reported is there, or forgotten, and all that is visible can be read. @throws {AssertionError} */
  async checkIntact (): Promise<void> {
    const repository = await openRepository(this.backend)
    try {
      assert.deepEqual(await Array.fromAsync(verifyStorage(repository)), [])
      await checkManifests(repository)
      const visible = new Set((await repository.visible()).map(commit => commit.id))
      for (const id of this.promised) {
        assert.ok(visible.has(id) || await this.backend.size(FORGOTTEN_PREFIX + id) !== undefined, `snapshot ${id} was reported and is gone`)
      }
    } finally {
      await repository.close()
    }
  }

  /** Forgets everything and collects until nothing is left to do. @throws {AssertionError} when something is left all the same */
  async collectAll (): Promise<void> {
    const repository = await openRepository(this.backend)
    const mark = markManifests(repository)
    for (const { id } of await repository.visible()) await repository.forget(id)
    for (let round = 0; round < 3; round++) await applyGarbage(repository, await planGarbage(repository, { mark }), { mark, pollMs: 10 })
    await repository.close()
    assert.deepEqual(await Array.fromAsync(this.backend.list(PACK_PREFIX)), [])
  }
}

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
