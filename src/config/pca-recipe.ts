import { randomUUID } from 'node:crypto'
import type { RecipeInputs, RecipeRunner } from '../engine/recipes.ts'
import { BackupError } from '../errors.ts'
import { computePca, encodePca } from '../sources/matrix/pca.ts'
import { connectQdrant } from '../sources/qdrant/connection.ts'
import { qdrantRestorer } from '../sources/qdrant/qdrant-restorer.ts'
import { readVectors } from '../sources/qdrant/read-vectors.ts'
import type { RestoreItem } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import type { Secret } from './secret.ts'

/** Names the recipe in nodes: part of what is stored. */
export const PCA = { name: 'pca', version: 1 } as const

export interface ScratchServer {
  readonly url: string
  readonly apiKey: Secret | undefined
}

/**
 * Makes principal components of a collection again. Only Qdrant reads Qdrant's snapshots, so the collection is put on `scratch` under a name of its
 * own (`caf-recompute-…`), read, and removed.
 */
export function pcaRecipe (scratch: ScratchServer): RecipeRunner {
  return { ...PCA, run: (inputs, options = {}) => run(scratch, inputs, options) }
}

async function * run ({ url, apiKey }: ScratchServer, { parameters, deps }: RecipeInputs, options: AbortOptions): AsyncGenerator<Uint8Array> {
  const { components, vector = '', output = 'components' } = parameters
  if (typeof components !== 'number' || typeof vector !== 'string' || (output !== 'components' && output !== 'mean')) {
    throw new BackupError('RECIPE_UNKNOWN', 'the parameters of the recipe pca are not those that this version knows', { data: { parameters } })
  }
  const key = await apiKey?.reveal()
  const server = connectQdrant({ url, apiKey: key })
  const name = `caf-recompute-${randomUUID()}`
  const item = onlyCollection(deps)
  const restorer = qdrantRestorer({ name: item.id.split('/')[0] ?? '', url, apiKey: key, aliases: 'skip', collections: { [String(item.attributes['collection'])]: name } })
  try {
    await restorer.prepare([item], options)
    await restorer.commit(options)
    const pca = await computePca(readVectors(server, name, vector, options), { components, ...options })
    yield encodePca(pca)[output]
  } finally {
    await restorer.abort()
    await server.request('removing the scratch collection', async client => await client.deleteCollection(name))
    await restorer.close()
  }
}

function onlyCollection (deps: ReadonlyMap<string, RestoreItem>): RestoreItem {
  const [item, another] = [...deps.values()].filter(({ kind }) => kind === 'qdrant.collection')
  if (item === undefined || another !== undefined) throw new BackupError('RECIPE_UNKNOWN', 'the recipe pca needs exactly one collection', { data: { deps: [...deps.keys()] } })
  return item
}
