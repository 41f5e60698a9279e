import { PACK_PREFIX } from '../../src/cas/layout.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { keysBelow } from '../damaged/damage.ts'
import { Violation, demand } from './violation.ts'
import type { World } from './world.ts'

/** Forgets and collects everything. @throws {Violation} when garbage stays for ever, or somebody waits for nobody */
export async function leavesNothing (world: World): Promise<void> {
  await world.afresh(async repository => {
    const references = (await repository.visible()).map(({ id }) => id)
    await applyForget(repository, await planForget(repository, { references }))
    const onWait = (): void => { throw new Violation('the last collection waits for sessions that nobody has') }
    for (let round = 0; round < 3; round++) await collectGarbage(repository, { maxWaste: 0, onWait })
  })
  const left = await keysBelow(world.backend, PACK_PREFIX)
  demand(left.length === 0, () => `${left.length} packs are left of nothing: ${left[0]}`)
}
