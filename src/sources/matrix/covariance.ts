import { Matrix } from 'ml-matrix'

/** Vectors that are added together: eight memory accesses become one. */
const BLOCK = 8

/** Sums up products of vectors, one block in memory. Vectors are taken relative to the mean of the first ones, so that nothing large cancels. */
export class CovarianceSum {
  readonly #shift: Float64Array
  readonly #total: Float64Array
  /** Upper half of the sum of products, row by row. */
  readonly #products: Float64Array[]
  #block: Float64Array[] = []
  #samples = 0

  constructor (first: readonly Float64Array[]) {
    this.#shift = meanOf(first)
    this.#total = new Float64Array(this.#shift.length)
    this.#products = Array.from(this.#shift, () => new Float64Array(this.#shift.length))
    for (const vector of first) this.add(vector)
  }

  get samples (): number {
    return this.#samples
  }

  add (vector: Float64Array): void {
    const [row] = centredBy([vector], this.#shift)
    row!.forEach((value, index) => { this.#total[index] = this.#total[index]! + value })
    this.#samples++
    this.#block.push(row!)
    if (this.#block.length === BLOCK) this.#addBlock()
  }

  mean (): Float64Array {
    return this.#shift.map((value, index) => value + this.#total[index]! / this.#samples)
  }

  /** Sum of the products of the centred vectors: the covariance times (samples − 1). */
  scatter (): Matrix {
    this.#addBlock()
    const size = this.#shift.length
    const scatter = Matrix.zeros(size, size)
    for (let i = 0; i < size; i++) {
      for (let j = i; j < size; j++) {
        const value = this.#products[i]![j]! - this.#total[i]! * this.#total[j]! / this.#samples
        scatter.set(i, j, value)
        scatter.set(j, i, value)
      }
    }
    return scatter
  }

  #addBlock (): void {
    const block = this.#block
    if (block.length === 0) return
    while (block.length < BLOCK) block.push(new Float64Array(this.#shift.length)) // zeros add nothing
    this.#products.forEach((products, i) => { addProducts(products, i, block) })
    this.#block = []
  }
}

function addProducts (products: Float64Array, i: number, block: readonly Float64Array[]): void {
  const [a, b, c, d, e, f, g, h] = block as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]
  const [ai, bi, ci, di, ei, fi, gi, hi] = [a[i]!, b[i]!, c[i]!, d[i]!, e[i]!, f[i]!, g[i]!, h[i]!]
  for (let j = i; j < products.length; j++) {
    products[j] = products[j]! + ai * a[j]! + bi * b[j]! + ci * c[j]! + di * d[j]! + ei * e[j]! + fi * f[j]! + gi * g[j]! + hi * h[j]!
  }
}

export function meanOf (vectors: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(vectors[0]!.length)
  for (const vector of vectors) vector.forEach((value, index) => { mean[index] = mean[index]! + value })
  return mean.map(value => value / vectors.length)
}

export function centredBy (vectors: readonly Float64Array[], mean: Float64Array): Float64Array[] {
  return vectors.map(vector => vector.map((value, index) => value - mean[index]!))
}
