import { addressOf } from '../../src/cas/address.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { repairIndex } from '../../src/cas/repair-index.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import type { StorageFinding } from '../../src/cas/verify-storage.ts'
import { isBackupError } from '../../src/errors.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'
import { Interleaving, dice } from './interleaving.ts'
import type { Dice } from './interleaving.ts'
import { seededBytes, seededRows } from './seeded-bytes.ts'
import { Snapshots } from './snapshots.ts'

const HOUR = 60 * 60 * 1000

/** A small universe, so that actors meet at the same blobs; the versions are deltas of one another. */
const VERSIONS = Array.from({ length: 5 }, (_, i) => Buffer.from(seededRows(60, 'table')).fill(`${i}`, 20 * i, 20 * i + 4))
const OTHERS = Array.from({ length: 3 }, (_, i) => seededBytes(200, `other ${i}`))
const UNIVERSE = [...VERSIONS, ...OTHERS]

class World {
  readonly backend: StorageBackend = memoryBackend()
  readonly snapshots = new Snapshots()
  readonly random: Dice
  readonly interleaving: Interleaving

  constructor (seed: number) {
    this.random = dice(seed)
    this.interleaving = new Interleaving(this.random)
  }

  async write (name: string, rounds: number): Promise<void> {
    const repository = await openRepository(this.interleaving.backendFor(name, this.backend))
    for (let round = 0; round < rounds; round++) {
      await tolerating(['SESSION_REVOKED', 'SNAPSHOT_MISSING'], async () => {
        const parent = (await repository.visible()).at(-1)
        const writer = await repository.openWriter(parent === undefined ? {} : { parents: [parent.id] })
        // Taken over as the engine takes nodes over: without putting them.
        const addresses = parent !== undefined && this.random(3) === 0 ? [...this.snapshots.of(parent.id)] : []
        for (const blob of UNIVERSE.filter(() => this.random(2) === 0)) {
          const base = VERSIONS[this.random(VERSIONS.length)]!
          addresses.push((await writer.put(blob, { base: addressOf(base) })).address)
          if (this.random(4) === 0) await writer.flush()
        }
        if (this.random(4) === 0) await writer.discard()
        else await this.snapshots.commit(writer, addresses)
      })
    }
  }

  async collect (name: string, rounds: number): Promise<void> {
    const ahead = this.random(2) * HOUR // A wrong clock takes every session for dead.
    const repository = await openRepository(this.interleaving.backendFor(name, this.backend), { clock: () => Date.now() + ahead })
    const mark = this.snapshots.mark(repository)
    for (let round = 0; round < rounds; round++) {
      const plan = await planGarbage(repository, { mark, maxWaste: 0 })
      await applyGarbage(repository, plan, { mark, maxWaste: 0, pollMs: 1 })
    }
  }

  async repair (name: string, rounds: number): Promise<void> {
    const repository = await openRepository(this.interleaving.backendFor(name, this.backend))
    for (let round = 0; round < rounds; round++) await repairIndex(repository)
  }

  async forget (name: string, rounds: number): Promise<void> {
    const repository = await openRepository(this.interleaving.backendFor(name, this.backend))
    for (let round = 0; round < rounds; round++) {
      const visible = await repository.visible()
      const chosen = visible[this.random(Math.max(visible.length, 1))]
      if (chosen !== undefined) await repository.forget(chosen.id)
    }
  }
}

async function tolerating (codes: ReadonlyArray<'SESSION_REVOKED' | 'SNAPSHOT_MISSING'>, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    if (!isBackupError(error, ...codes)) throw error
  }
}

/**
 * Lets two writers, two collectors, one who forgets and one who repairs meet in the order that the seed gives.
 * @returns what is wrong afterwards with what is visible
 */
export async function runWorld (seed: number): Promise<StorageFinding[]> {
  const world = new World(seed)
  await (await createRepository(world.backend)).close()
  await world.interleaving.run([
    world.write('w1', 4), world.write('w2', 4), world.collect('g1', 3), world.collect('g2', 3), world.forget('f', 8), world.repair('r', 2),
  ])
  const repository = await openRepository(world.backend)
  await world.snapshots.check(repository)
  const needed = new Set((await repository.visible()).flatMap(({ id }) => world.snapshots.of(id)))
  const findings = await Array.fromAsync(verifyStorage(repository))
  // A writer that is revoked while it lists its last packs can leave a delta without its base: damaged, but nobody's.
  return findings.filter(({ address, intactElsewhere }) => address === undefined || (needed.has(address) && intactElsewhere !== true))
}
