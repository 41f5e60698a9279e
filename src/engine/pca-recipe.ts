import type { Recipe } from '../sources/source.ts'
import type { RecipeRunner } from './recipes.ts'

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
export function pcaRunner (options: PcaRecipeOptions): RecipeRunner {
  return {
    name: NAME,
    version: VERSION,
    async * run (inputs, { signal } = {}) {
      // It is hardly ever needed, and a solver and a client are much to load.
      const { runPca } = await import('./pca-run.ts')
      yield await runPca(inputs, { ...options, signal })
    },
  }
}
