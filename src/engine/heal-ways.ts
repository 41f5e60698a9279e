import type { Address } from '../cas/blob-store.ts'
import type { Repository } from '../cas/repository.ts'
import { storeLike } from '../dag/content.ts'
import type { StoredContent } from '../dag/content.ts'
import { BackupError } from '../errors.ts'
import type { Source } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import { forEachBounded } from './bounded.ts'
import { isDamage } from './damage.ts'
import { isReadable } from './damage-survey.ts'
import type { DamageSurvey, HitNode } from './damage-survey.ts'
import type { Healer } from './healer.ts'
import { recompute } from './recipes.ts'
import type { RecipeRunner } from './recipes.ts'
import { restoreItem } from './restore-item.ts'
import { loadNodes } from './snapshot-view.ts'

/** A repository that may hold what another has lost. */
export type Donor = Pick<Repository, 'get' | 'has' | 'backend' | 'config'>

/** What a way of healing works with; it takes out of the survey's `wanted` what it has healed. */
export interface HealContext extends AbortOptions {
  readonly repository: Repository
  readonly survey: DamageSurvey
  readonly healer: Healer
  /** Takes a sentence about what could not be tried. */
  note(text: string): void
}

/** Takes lost blobs from other repositories. */
export async function healFromDonors (donors: readonly Donor[], { survey: { wanted }, healer, note, signal }: HealContext): Promise<void> {
  for (const donor of donors) {
    await forEachBounded([...wanted], { concurrency: AT_ONCE, signal }, async address => {
      const bytes = await donated(donor, address, { note, signal })
      if (bytes !== undefined && await healer.put(address, bytes, donor.backend.location)) wanted.delete(address)
    })
  }
}

const AT_ONCE = 4

async function donated (donor: Donor, address: Address, { note, signal }: Pick<HealContext, 'note' | 'signal'>): Promise<Uint8Array | undefined> {
  if (!await donor.has(address)) return undefined
  try {
    return await donor.get(address, { signal })
  } catch (error) {
    if (!isDamage(error)) throw error
    note(`${donor.backend.location} has blob ${address} too, but damaged`)
    return undefined
  }
}

/** Reads the artifacts that are hit from where they came from, cut as they were: what is unchanged there heals byte for byte. */
export async function healFromSources (sources: readonly Source[], context: HealContext): Promise<void> {
  for (const source of sources) {
    const cuts = cutsOf(context.survey.nodes.filter(({ node }) => node.id.startsWith(`${source.name}/`)))
    const rounds = Math.max(0, ...[...cuts.values()].map(({ length }) => length))
    for (let round = 0; round < rounds; round++) await readSource(source, id => cuts.get(id)?.[round], context)
  }
}

/** The contents of each node by the different rules they were cut with: nearly always one. */
function cutsOf (nodes: readonly HitNode[]): Map<string, StoredContent[]> {
  const cuts = new Map<string, Map<string, StoredContent>>()
  for (const { node: { id, content } } of nodes) {
    const { columns, key, cut } = content.form === 'bytes' ? { columns: [], key: [], cut: undefined } : content
    const rule = JSON.stringify([content.form, columns, key, cut?.bits, cut === undefined ? '' : Buffer.from(cut.seed).toString('hex')])
    cuts.set(id, (cuts.get(id) ?? new Map<string, StoredContent>()).set(rule, content))
  }
  return new Map([...cuts].map(([id, contents]) => [id, [...contents.values()]]))
}

async function readSource (source: Source, likeOf: (id: string) => StoredContent | undefined, context: HealContext): Promise<void> {
  const { survey: { wanted }, healer, signal } = context
  await unlessImpossible(`source ${source.name}`, context, async () => {
    const capture = await source.capture({ signal })
    try {
      const blobs = healer.sifting(wanted, `source ${source.name}`)
      for await (const { id, content } of capture.artifacts({ signal })) {
        const like = likeOf(id)
        if (like !== undefined) await unlessImpossible(id, context, async () => { await storeLike(content, { ...context.repository.config, blobs, signal }, like) })
      }
    } finally {
      await capture.close()
    }
  })
}

/** Computes hit artifacts again from what they depend on; each is tried once. */
export async function healByRecipe (recipes: readonly RecipeRunner[], tried: Set<string>, context: HealContext): Promise<void> {
  const { repository, survey: { wanted, nodes }, healer, signal } = context
  for (const { view, node } of nodes) {
    const name = `${view.root.toString()} ${node.id}`
    if (node.recipe === undefined || tried.has(name)) continue
    tried.add(name)
    const { name: recipe } = node.recipe
    await unlessImpossible(node.id, context, async () => {
      const all = await loadNodes(view, repository)
      await recompute(repository, node, { recipes, signal, item: id => restoreItem(all.get(id)!.node, { blobs: repository, ...repository.config }) })
      for (const address of [...wanted]) {
        if (!await isReadable(repository, address, { signal })) continue
        wanted.delete(address)
        healer.note(address, `recipe ${recipe}`)
      }
    })
  }
}

/** Notes why one way of healing does not work; throws what ends the repair. */
async function unlessImpossible (what: string, { note, signal }: Pick<HealContext, 'note' | 'signal'>, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (error) {
    signal?.throwIfAborted()
    if (!(error instanceof BackupError) || error.code.startsWith('STORAGE_') || error.code === 'SESSION_REVOKED') throw error
    note(`${what}: ${error.message}`)
  }
}
