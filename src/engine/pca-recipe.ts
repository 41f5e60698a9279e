import { randomBytes } from 'node:crypto'
import { BackupError } from '../errors.ts'
import { computePca, encodePca } from '../sources/matrix/pca.ts'
import { connectQdrant } from '../sources/qdrant/connection.ts'
import type { QdrantConnection } from '../sources/qdrant/connection.ts'
import { readVectors } from '../sources/qdrant/read-vectors.ts'
import { uploadSnapshot } from '../sources/qdrant/snapshot-upload.ts'
import { deleteStaged } from '../sources/qdrant/staged-collection.ts'
import { stagedName } from '../sources/qdrant/staged-name.ts'
import type { Recipe, RestoreItem } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import type { RecipeInputs, RecipeRunner } from './recipes.ts'

export interface PcaRecipeOptions {
  /** A server that can hold the collection for a while. */
  readonly url: string
  readonly apiKey?: string | undefined
}

export interface PcaParameters {
  /** Name of the vector; empty for collections with one unnamed vector. */
  readonly vector: string
  /** How many principal components. */
  readonly components: number
  /** Which of the two matrices of a PCA. */
  readonly output: 'components' | 'mean'
}

const NAME = 'pca'
const VERSION = 1

/** What a matrix says of itself when it is the PCA of the collection that is its only dep. */
export function pcaRecipe ({ vector, components, output }: PcaParameters): Recipe {
  return { name: NAME, version: VERSION, parameters: { vector, components, output } }
}

/**
 * Makes a PCA matrix again from the snapshot of its collection: loads it under a name of its own, reads the vectors in the order of their ids, computes.
 * The same machine gives the same bytes; another may round differently, and then the restore says `RECIPE_MISMATCH`.
 */
export function pcaRunner ({ url, apiKey }: PcaRecipeOptions): RecipeRunner {
  const server = connectQdrant({ url, apiKey, failure: 'TARGET_FAILED' })
  return {
    name: NAME,
    version: VERSION,
    async * run (inputs, { signal } = {}) {
      const { vector, components, output } = parametersOf(inputs)
      const matrices = await withCollection(server, collectionOf(inputs), async collection => encodePca(await computePca(readVectors(server, collection, vector, { signal }), { components, signal })), { signal })
      yield matrices[output]
    },
  }
}

function parametersOf ({ parameters: { vector, components, output } }: RecipeInputs): PcaParameters {
  if (typeof vector === 'string' && typeof components === 'number' && (output === 'components' || output === 'mean')) return { vector, components, output }
  throw new BackupError('NODE_INVALID', 'the parameters of a PCA are vector, components and output', { data: { vector, components, output } })
}

function collectionOf ({ deps }: RecipeInputs): RestoreItem {
  const collections = [...deps.values()].filter(({ kind }) => kind === 'qdrant.collection')
  if (collections[0] === undefined || collections.length > 1) throw new BackupError('NODE_INVALID', `a PCA is computed from one collection, not from ${collections.length}`)
  return collections[0]
}

async function withCollection<T> (server: QdrantConnection, item: RestoreItem, act: (collection: string) => Promise<T>, { signal }: AbortOptions): Promise<T> {
  const collection = stagedName(`recipe-${randomBytes(8).toString('hex')}`) // what is staged is left out of captures
  try {
    await uploadSnapshot(server, collection, item.read({ signal }), { checksum: undefined, signal })
    return await act(collection)
  } finally {
    await deleteStaged(server, collection)
  }
}
