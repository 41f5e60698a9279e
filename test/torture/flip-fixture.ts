import type { Address } from '../../src/cas/blob-store.ts'
import { CID } from '../../src/dag/block.ts'
import { walk } from '../../src/dag/walk.ts'
import { Chance } from './chance.ts'
import { planCollection, planExport, planForgetting, planSnapshot } from './operations.ts'
import type { PlannedOperation } from './operations.ts'
import { World } from './world.ts'

/** Something of everything that is stored. */
export interface FlipFixture {
  readonly world: World
  /** The same, sealed. */
  readonly sealed: World
  /** Path of an exported snapshot. */
  readonly archive: string
  /** `snapshot`, `tree`, `node` or `chunk`; `garbage` for what no snapshot needs. */
  kindOf(address: Address): string
  close(): Promise<void>
}

/** A repository with a past: snapshots with deltas, one forgotten, a collection, more snapshots, and an archive. */
export async function flipFixture (seed: number): Promise<FlipFixture> {
  const world = await World.create(new Chance(seed))
  const sealed = await World.create(new Chance(seed), { sealed: true })
  const close = async (): Promise<void> => {
    await world.close()
    await sealed.close()
  }
  try {
    await live(world)
    await live(sealed)
    const kinds = new Map<Address, string>()
    await world.afresh(async repository => {
      const roots = (await repository.visible()).map(({ root }) => CID.parse(root))
      for await (const { address, kind } of walk(roots, repository)) kinds.set(address, kind)
    })
    return { world, sealed, archive: world.archives[0]!.path, kindOf: address => kinds.get(address) ?? 'garbage', close }
  } catch (error) {
    await close()
    throw error
  }
}

async function live (world: World): Promise<void> {
  for (const plan of [planSnapshot, planSnapshot, planSnapshot, planForgetting, planCollection, planSnapshot, planForgetting, planExport]) await done(plan(world))
}

async function done (planned: Promise<PlannedOperation | undefined>): Promise<void> {
  await (await planned)?.run()
}
