import { randomBytes } from 'node:crypto'
import { BackupError } from '../errors.ts'
import { computePca, encodePca } from '../sources/matrix/pca.ts'
import { connectQdrant } from '../sources/qdrant/connection.ts'
import type { QdrantConnection } from '../sources/qdrant/connection.ts'
import { readVectors } from '../sources/qdrant/read-vectors.ts'
import { uploadSnapshot } from '../sources/qdrant/snapshot-upload.ts'
import { deleteStaged } from '../sources/qdrant/staged-collection.ts'
import { stagedName } from '../sources/qdrant/staged-name.ts'
import type { RestoreItem } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import type { PcaParameters, PcaRecipeOptions } from './pca-recipe.ts'
import type { RecipeInputs } from './recipes.ts'

/** The bytes of one matrix of a PCA, computed from the collection among `inputs`. @throws {BackupError} `NODE_INVALID`, `TARGET_FAILED` */
export async function runPca (inputs: RecipeInputs, { url, apiKey, signal }: PcaRecipeOptions & AbortOptions): Promise<Uint8Array> {
  const server = connectQdrant({ url, apiKey, failure: 'TARGET_FAILED' })
  const { vector, components, output } = parametersOf(inputs)
  const matrices = await withCollection(server, collectionOf(inputs), async collection => encodePca(await computePca(readVectors(server, collection, vector, { signal }), { components, signal })), { signal })
  return matrices[output]
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
