import type { Address } from '../../src/cas/blob-store.ts'
import { CONFIG_KEY, FORGOTTEN_PREFIX, OPENING_PREFIX, OUTCOME_PREFIX, PACK_PREFIX, PLAN_PREFIX, SEGMENT_PREFIX, SESSION_PREFIX, packNameOf } from '../../src/cas/layout.ts'
import type { Repository } from '../../src/cas/repository.ts'
import type { BackupError } from '../../src/errors.ts'
import { LOG_PREFIX } from '../../src/trust/log/log-layout.ts'
import { listViews } from '../../src/engine/snapshot-view.ts'
import { isBackupError } from '../../src/errors.ts'
import { differenceOf, readSnapshot } from './fingerprint.ts'
import { demand, lineOf, Violation } from './violation.ts'
import type { World } from './world.ts'

/** Says whose log it is. */
export const LOG_KEY = 'keys/log'

const COUNTED = [CONFIG_KEY, SESSION_PREFIX, OUTCOME_PREFIX, FORGOTTEN_PREFIX, PLAN_PREFIX, SEGMENT_PREFIX, LOG_PREFIX, OPENING_PREFIX, LOG_KEY]

/** Keys of the objects that verify answers for: all but what is derived and nobody's, and packs that no segment lists, which are garbage. */
export async function damageableKeys ({ backend, index }: Repository): Promise<string[]> {
  const keys: string[] = []
  for await (const { key, sizeBytes } of backend.list('')) {
    const counts = key.startsWith(PACK_PREFIX) ? index.packs.has(packNameOf(key) ?? '') : COUNTED.some(prefix => key.startsWith(prefix))
    if (counts && sizeBytes > 0) keys.push(key)
  }
  return keys
}

/** Tells whether an object, or a blob in it, was named as damaged. */
export type IsNamed = (key: string, address?: Address) => boolean

/** What opening and verifying a repository say about damage. */
export async function detect (world: Pick<World, 'findings'>): Promise<IsNamed> {
  try {
    const findings = await world.findings()
    return (key, address) => findings.some(finding => finding.key === key && (address === undefined || finding.address === address))
  } catch (error) {
    refuseCodeless(error)
    return key => names(error as BackupError, key)
  }
}

function names ({ data, message }: BackupError, key: string): boolean {
  const [name] = key.slice(key.lastIndexOf('/') + 1).split('.') // some errors name packs and segments without their folder
  return data['key'] === key || message.includes(name!)
}

/** What can be read of a damaged repository is right; what cannot says so. @throws {Violation} */
export async function readsNothingWrong (world: World): Promise<void> {
  try {
    await world.afresh(async repository => {
      for (const view of await listViews(repository, { onBroken: () => undefined })) {
        const contents = await readSnapshot(repository, view).catch(refuseCodeless)
        const difference = contents === undefined ? undefined : differenceOf(contents, world.model.contents(view.id) ?? new Map())
        demand(difference === undefined, () => `of damaged snapshot ${view.id} ${difference}`)
      }
    })
  } catch (error) {
    if (error instanceof Violation) throw error
    refuseCodeless(error)
  }
}

/** @throws {Violation} for an error that has no code of ours */
export function refuseCodeless (error: unknown): undefined {
  demand(isBackupError(error), `damage shows as an error without a code: ${lineOf(error)}`, error)
  return undefined
}
