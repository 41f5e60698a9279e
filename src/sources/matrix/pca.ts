import { EigenvalueDecomposition, Matrix as Square } from 'ml-matrix'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { CovarianceSum, centredBy, meanOf } from './covariance.ts'
import { encodeNpy } from './npy.ts'
import type { Matrix } from './npy.ts'

export interface PcaOptions extends AbortOptions {
  /** How many of the strongest directions, for instance 128. */
  readonly components: number
}

/** To reduce a vector: subtract the mean, then multiply with the transposed components. */
export interface Pca {
  /** One row a direction, the strongest first: orthonormal, float32. */
  readonly components: Matrix
  /** One row: the mean of the vectors, float32. */
  readonly mean: Matrix
  /** Variance along each direction, descending. */
  readonly variances: Float64Array
  /** How many vectors there were. */
  readonly samples: number
}

/**
 * Principal components of a stream of vectors. Nothing in it is random, so the same vectors in the same order give the
 * same bytes on the same machine: the sign is such that each component's largest number is positive, the first of
 * equals if there are several. Memory: at most as many vectors as they have dimensions; with more, their covariance.
 * The decomposition at the end blocks its thread: seconds for 500 vectors, a minute for a covariance of 2048² (measured on 2 busy cores).
 * @throws {BackupError} `INVALID_OPTION` when vectors differ in length, hold no finite numbers, or span fewer dimensions than `components`
 */
export async function computePca (vectors: AsyncIterable<Float32Array>, { components, signal }: PcaOptions): Promise<Pca> {
  if (!Number.isSafeInteger(components) || components < 1) throw new BackupError('INVALID_OPTION', 'components must be a whole number from 1', { data: { components } })
  const first: Float64Array[] = []
  let sum: CovarianceSum | undefined
  for await (const vector of vectors) {
    signal?.throwIfAborted()
    const row = checked(vector, first[0]?.length)
    if (sum !== undefined) sum.add(row)
    else first.push(row)
    if (sum === undefined && first.length > row.length) sum = new CovarianceSum(first)
  }
  const samples = sum?.samples ?? first.length
  if (samples < 2) throw new BackupError('INVALID_OPTION', `principal components need at least 2 vectors, not ${samples}`, { data: { samples } })
  return sum === undefined ? ofFewVectors(first, components) : ofCovariance(sum, components)
}

/** The two files of a PCA: `components` (components × dimensions) and `mean` (1 × dimensions). */
export function encodePca ({ components, mean }: Pca): { readonly components: Uint8Array, readonly mean: Uint8Array } {
  return { components: encodeNpy(components), mean: encodeNpy(mean) }
}

function checked (vector: Float32Array, dimensions = vector.length): Float64Array {
  if (vector.length !== dimensions || dimensions === 0) throw new BackupError('INVALID_OPTION', `a vector has ${vector.length} dimensions, those before it ${dimensions}`, { data: { dimensions, length: vector.length } })
  if (!vector.every(Number.isFinite)) throw new BackupError('INVALID_OPTION', 'a vector holds a number that is not finite', { data: { dimensions } })
  return Float64Array.from(vector)
}

/** With fewer vectors than dimensions the same directions come from the smaller matrix of the vectors' products with each other. */
function ofFewVectors (vectors: readonly Float64Array[], wanted: number): Pca {
  const mean = meanOf(vectors)
  const rows = centredBy(vectors, mean)
  const products = Square.zeros(rows.length, rows.length)
  rows.forEach((a, i) => {
    for (let j = i; j < rows.length; j++) {
      const product = dot(a, rows[j]!)
      products.set(i, j, product)
      products.set(j, i, product)
    }
  })
  const { values, vectors: weights } = strongest(products, wanted)
  const directions = weights.map(weight => combine(rows, weight))
  return pcaOf(directions, values, mean, rows.length)
}

function ofCovariance (sum: CovarianceSum, wanted: number): Pca {
  const { values, vectors } = strongest(sum.scatter(), wanted)
  return pcaOf(vectors, values, sum.mean(), sum.samples)
}

interface Strongest {
  readonly values: Float64Array
  readonly vectors: Float64Array[]
}

/** Relative to the largest: below this an eigenvalue is what rounding leaves of zero. */
const NEGLIGIBLE = 1e-12

function strongest (symmetric: Square, wanted: number): Strongest {
  const { realEigenvalues: values, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true })
  const order = values.map((_, index) => index).sort((a, b) => values[b]! - values[a]! || a - b)
  const largest = values[order[0]!]!
  const rank = order.filter(index => values[index]! > largest * NEGLIGIBLE).length
  if (rank < wanted) throw new BackupError('INVALID_OPTION', `the vectors span ${rank} dimensions, so there are no ${wanted} components; ask for fewer or give more vectors`, { data: { rank, wanted } })
  const chosen = order.slice(0, wanted)
  return { values: Float64Array.from(chosen, index => values[index]!), vectors: chosen.map(index => Float64Array.from(eigenvectorMatrix.getColumn(index))) }
}

function pcaOf (directions: Float64Array[], scatter: Float64Array, mean: Float64Array, samples: number): Pca {
  orthonormalise(directions)
  directions.forEach(makeSignFixed)
  const columns = mean.length
  const data = new Float32Array(directions.length * columns)
  directions.forEach((direction, row) => { data.set(direction, row * columns) })
  return {
    components: { rows: directions.length, columns, data },
    mean: { rows: 1, columns, data: Float32Array.from(mean) },
    variances: scatter.map(value => value / (samples - 1)),
    samples,
  }
}

/** Gram-Schmidt, twice: what comes from products of few vectors is not exactly orthogonal. */
function orthonormalise (directions: Float64Array[]): void {
  directions.forEach((direction, index) => {
    for (let pass = 0; pass < 2; pass++) {
      for (const before of directions.slice(0, index)) addScaled(direction, before, -dot(direction, before))
    }
    const length = Math.sqrt(dot(direction, direction))
    for (let i = 0; i < direction.length; i++) direction[i] = direction[i]! / length
  })
}

function makeSignFixed (direction: Float64Array): void {
  let largest = 0
  direction.forEach((value, index) => { if (Math.abs(value) > Math.abs(direction[largest]!)) largest = index })
  if (direction[largest]! < 0) direction.forEach((value, index) => { direction[index] = -value })
}

function combine (rows: readonly Float64Array[], weights: Float64Array): Float64Array {
  const sum = new Float64Array(rows[0]!.length)
  rows.forEach((row, index) => { addScaled(sum, row, weights[index]!) })
  return sum
}

function addScaled (target: Float64Array, row: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i] = target[i]! + row[i]! * factor
}

function dot (a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
