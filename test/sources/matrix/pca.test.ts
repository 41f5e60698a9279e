import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeNpy } from '../../../src/sources/matrix/npy.ts'
import { computePca, encodePca } from '../../../src/sources/matrix/pca.ts'
import type { Pca } from '../../../src/sources/matrix/pca.ts'
import { mulberry32 } from '../qdrant/sample-vectors.ts'

async function * stream (vectors: readonly Float32Array[]): AsyncGenerator<Float32Array> {
  yield * vectors
}

/** Vectors in which a few directions are strong, each weaker than the one before, under some noise. */
function sample (count: number, dimensions: number): Float32Array[] {
  const noise = mulberry32(7)
  return Array.from({ length: count }, (_, i) => Float32Array.from({ length: dimensions }, (_, j) =>
    [1, 2, 3, 4, 5].reduce((sum, k) => sum + Math.sin(i * k * 1.7) * Math.cos(j * k * 0.3) * 10 / k, 3) + (noise() - 0.5) * 0.2))
}

function row ({ components: { columns, data } }: Pca, index: number): Float64Array {
  return Float64Array.from(data.subarray(index * columns, (index + 1) * columns))
}

function dot (a: Float64Array, b: ArrayLike<number>): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0)
}

/** Variance of the vectors along a direction. */
function varianceAlong (direction: Float64Array, vectors: readonly Float32Array[]): number {
  const places = vectors.map(vector => dot(direction, vector))
  const mean = places.reduce((sum, place) => sum + place, 0) / places.length
  return places.reduce((sum, place) => sum + (place - mean) ** 2, 0) / (places.length - 1)
}

describe.each([
  ['fewer vectors than dimensions', sample(60, 200), 20],
  ['more vectors than dimensions', sample(300, 40), 20],
  ['as many vectors as dimensions', sample(40, 40), 20],
  ['one more vector than dimensions', sample(41, 40), 20],
])('principal components of %s', (_, vectors, components) => {
  it('are orthonormal', async () => {
    const pca = await computePca(stream(vectors), { components })
    for (let a = 0; a < components; a++) {
      for (let b = a; b < components; b++) expect(dot(row(pca, a), row(pca, b))).toBeCloseTo(a === b ? 1 : 0, 6)
    }
  })

  it('are the directions of the largest variance, in descending order', async () => {
    const pca = await computePca(stream(vectors), { components })
    pca.variances.forEach((variance, index) => { expect(varianceAlong(row(pca, index), vectors) / variance).toBeCloseTo(1, 4) })
    expect([...pca.variances].toSorted((a, b) => b - a)).toEqual([...pca.variances])
    const total = vectors[0]!.reduce((sum, _value, index) => sum + varianceAlong(Float64Array.from(vectors[0]!, (_v, j) => j === index ? 1 : 0), vectors), 0)
    expect(pca.variances.slice(0, 5).reduce((sum, variance) => sum + variance, 0) / total).toBeGreaterThan(0.99)
  })

  it('are the same bytes every time, with the largest number of each positive', async () => {
    const [first, second] = [await computePca(stream(vectors), { components }), await computePca(stream(vectors), { components })]
    expect(encodePca(first)).toEqual(encodePca(second))
    for (let index = 0; index < components; index++) {
      const largest = row(first, index).reduce((best, value) => Math.abs(value) > Math.abs(best) ? value : best, 0)
      expect(largest).toBeGreaterThan(0)
    }
  })

  it('come with the mean, in two .npy files', async () => {
    const files = encodePca(await computePca(stream(vectors), { components }))
    expect(decodeNpy(files.components)).toMatchObject({ rows: components, columns: vectors[0]!.length })
    const mean = decodeNpy(files.mean)
    expect(mean.rows).toBe(1)
    mean.data.forEach((value, index) => { expect(value).toBeCloseTo(vectors.reduce((sum, vector) => sum + vector[index]!, 0) / vectors.length, 4) })
  })
})

describe('principal components', () => {
  it('are the same from the products of the vectors and from their covariance', async () => {
    const few = sample(50, 50)
    const again = [...few, ...few] // the same directions, now from the covariance
    const [a, b] = [await computePca(stream(few), { components: 5 }), await computePca(stream(again), { components: 5 })]
    for (let index = 0; index < 5; index++) expect(dot(row(a, index), row(b, index))).toBeCloseTo(1, 5)
  })

  it('do not lose precision when the mean is far away', async () => {
    const near = sample(100, 20)
    const far = near.map(vector => vector.map(value => Math.fround(value * 64) + 4096))
    const pca = await computePca(stream(far), { components: 3 })
    pca.variances.forEach((variance, index) => { expect(varianceAlong(row(pca, index), far) / variance).toBeCloseTo(1, 5) })
  })

  it('cannot be more than the vectors span', async () => {
    const flat = Array.from({ length: 30 }, (_, i) => Float32Array.of(i, 2 * i, i % 3, 0))
    expect((await computePca(stream(flat), { components: 2 })).components.rows).toBe(2)
    await expect(computePca(stream(flat), { components: 3 })).rejects.toMatchObject({ code: 'INVALID_OPTION', data: { rank: 2 } })
    await expect(computePca(stream(Array.from({ length: 9 }, () => Float32Array.of(1, 2))), { components: 1 })).rejects.toMatchObject({ code: 'INVALID_OPTION', data: { rank: 0 } })
  })

  it.each([
    ['no vectors', [], 1], ['one vector', [[1, 2]], 1], ['vectors of two lengths', [[1, 2], [1, 2, 3]], 1], ['a number that is not finite', [[1, 2], [NaN, 1]], 1],
    ['empty vectors', [[], []], 1], ['no components', [[1, 2], [2, 1]], 0], ['half a component', [[1, 2], [2, 1]], 0.5],
  ])('refuse %s', async (_, vectors, components) => {
    await expect(computePca(stream(vectors.map(vector => Float32Array.from(vector))), { components })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('stop when the signal is aborted', async () => {
    const reason = new Error('enough')
    await expect(computePca(stream(sample(10, 5)), { components: 2, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  it('stay orthonormal for any vectors that have enough directions', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 6, maxLength: 6 }), { minLength: 3, maxLength: 20 }), async numbers => {
      const vectors = numbers.map(values => Float32Array.from(values))
      const pca = await computePca(stream(vectors), { components: 2 }).catch(() => undefined)
      if (pca === undefined) return
      expect(dot(row(pca, 0), row(pca, 1))).toBeCloseTo(0, 5)
      expect(dot(row(pca, 1), row(pca, 1))).toBeCloseTo(1, 5)
    }))
  })
})
