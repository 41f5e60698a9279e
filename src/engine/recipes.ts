import { BackupError } from '../errors.ts'
import type { Repository } from '../cas/repository.ts'
import { storeContent } from '../dag/content.ts'
import type { NodeBlock } from '../dag/node.ts'
import type { RestoreItem } from '../sources/source.ts'
import type { AbortOptions, Bytes, Plain } from '../stream.ts'

/** Makes an artifact's bytes again from what it depends on. */
export interface RecipeRunner {
  readonly name: string
  readonly version: number
  run(inputs: RecipeInputs, options?: AbortOptions): Bytes
}

export interface RecipeInputs {
  readonly parameters: { readonly [key: string]: Plain }
  /** The verified deps, by id. */
  readonly deps: ReadonlyMap<string, RestoreItem>
}

export interface RecomputeOptions extends AbortOptions {
  readonly recipes: readonly RecipeRunner[]
  readonly item: (id: string) => RestoreItem
}

/**
 * Computes the content of `node` from its deps and stores it again; the stored blobs replace the lost or damaged ones.
 * @throws {BackupError} `RECIPE_UNKNOWN`; `RECIPE_MISMATCH` when the result is not what the node had: then nothing is kept
 */
export async function recompute (repository: Repository, node: NodeBlock, { recipes, item, signal }: RecomputeOptions): Promise<void> {
  const runner = recipes.find(({ name, version }) => name === node.recipe?.name && version === node.recipe.version)
  if (runner === undefined || node.recipe === undefined) {
    throw new BackupError('RECIPE_UNKNOWN', `${node.id} could be made again by the recipe ${node.recipe?.name ?? '(none)'}, which is not registered here`, { data: { id: node.id, recipe: node.recipe?.name } })
  }
  const deps = new Map(node.deps.map(id => [id, item(id)]))
  const writer = await repository.openWriter({ parents: [], signal, whenPresent: 'rewrite' })
  try {
    const { seed, chunker } = repository.config
    const read = (options?: AbortOptions): Bytes => runner.run({ parameters: node.recipe?.parameters ?? {}, deps }, options)
    const { hash } = await storeContent({ form: 'bytes', read }, { blobs: writer, seed, chunker, signal }, undefined)
    if (hash !== node.hash) {
      throw new BackupError('RECIPE_MISMATCH', `recomputing ${node.id} gave ${hash}, the snapshot has ${node.hash}`, { data: { id: node.id, expected: node.hash, actual: hash } })
    }
    await writer.flush({ signal })
  } finally {
    await writer.discard()
  }
}
