import { addressOf } from '../../src/cas/address.ts'
import type { Address } from '../../src/cas/blob-store.ts'
import type { Mark } from '../../src/cas/garbage-plan.ts'
import type { Repository } from '../../src/cas/repository.ts'
import type { WriterSession } from '../../src/cas/writer-session.ts'

/*
 * A stand-in for the graph: a snapshot's root is the address of a blob that lists the addresses of all others as JSON.
 */

/** Commits a snapshot of `addresses`. */
export async function commitManifest (writer: WriterSession, addresses: readonly Address[]): Promise<void> {
  const { address } = await writer.put(Buffer.from(JSON.stringify(addresses)))
  await writer.commit({ root: address, consensus: true, validatedBy: [], statements: [] })
}

/** Everything a snapshot is made of, its manifest first. @throws if the manifest is missing or damaged */
export async function manifestOf (repository: Repository, root: string): Promise<Address[]> {
  const bytes = await repository.get(root)
  if (bytes === undefined) throw new Error(`manifest ${root} is missing`)
  return [root, ...JSON.parse(Buffer.from(bytes).toString()) as Address[]]
}

export function markManifests (repository: Repository): Mark {
  return async function * (roots) {
    for (const { root, forgotten } of roots) {
      if (forgotten && !repository.hasSync(root)) continue
      yield * (await manifestOf(repository, root)).filter(address => !forgotten || repository.hasSync(address))
    }
  }
}

/** Reads every blob of every visible snapshot. @throws at the first that is missing or damaged */
export async function checkManifests (repository: Repository): Promise<number> {
  const visible = await repository.visible()
  for (const { id, root } of visible) {
    for (const address of await manifestOf(repository, root)) {
      const bytes = await repository.get(address)
      if (bytes === undefined || addressOf(bytes) !== address) throw new Error(`snapshot ${id} lost blob ${address}`)
    }
  }
  return visible.length
}
