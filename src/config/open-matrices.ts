import { pcaRecipe, pcaRunner } from '../engine/pca-recipe.ts'
import type { RecipeRunner } from '../engine/recipes.ts'
import type { MatrixDescription } from '../sources/matrix/matrix-source.ts'
import type { MatrixStore } from '../sources/matrix/matrix-store.ts'
import type { QueryMatrices } from '../sources/matrix/metadata-matrix-store.ts'
import type { DatabaseOnServer } from './open-postgres.ts'
import type { MatricesConfig, MatrixPlace, QdrantConfig } from './source-config.ts'

/** Connects when it is used. @throws {BackupError} `CONFIG_INVALID`, `INVALID_OPTION` */
export async function openMatrixStore (place: MatrixPlace): Promise<MatrixStore> {
  if ('folder' in place) {
    const { folderMatrixStore } = await import('../sources/matrix/folder-matrix-store.ts')
    return folderMatrixStore(place.folder)
  }
  const [{ metadataMatrixStore }, { openDatabase }] = await Promise.all([import('../sources/matrix/metadata-matrix-store.ts'), import('./open-postgres.ts')])
  const { table, keyColumn, key, column } = place.metadata
  const query = queryOn(await openDatabase(place.metadata))
  return metadataMatrixStore({ query, table, keyColumn, key, ...(column !== undefined && { column }) })
}

/** What the configuration says about how a matrix is computed. */
export function describeMatrix ({ computed }: MatricesConfig): (matrix: string) => MatrixDescription | undefined {
  return name => {
    const found = computed.find(({ matrix }) => matrix === name)
    if (found === undefined) return undefined
    const { from, components, vector, output } = found
    return { deps: [from], recipe: pcaRecipe({ components, vector, output }) }
  }
}

/** Makes matrices again, on `scratch`; its key is looked up when that happens. */
export function matrixRecipe ({ url, apiKey }: QdrantConfig['target']): RecipeRunner {
  const { name, version } = pcaRunner({ url })
  return {
    name,
    version,
    async * run (inputs, options) {
      yield * pcaRunner({ url, apiKey: await apiKey?.reveal() }).run(inputs, options)
    },
  }
}

function queryOn ({ server, database }: DatabaseOnServer): QueryMatrices {
  return async (sql, values) => {
    const client = await server.connect(database)
    try {
      return await client.query<Record<string, unknown>>(sql, [...values])
    } finally {
      await server.release(client)
    }
  }
}
