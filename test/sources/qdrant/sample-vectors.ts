import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SHARED = join(import.meta.dirname, '../../../../shared/data/vectors')
/** Features of real images, where they are at hand. */
const REAL: Readonly<Record<number, string>> = { 128: 'mnist_pca_128d.f32', 2048: 'mnist_relu_2048d.f32' }

/** `count` vectors of `size` float32 numbers; always the same. Real ones if there are any, else numbers from a seed. */
export function sampleVectors (count: number, size: number): Float32Array[] {
  const file = join(SHARED, REAL[size] ?? 'none')
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
  if (bytes.length < count * size * 4) return Array.from({ length: count }, (_, index) => seededVector(index, size))
  return Array.from({ length: count }, (_, index) => new Float32Array(bytes.buffer.slice(bytes.byteOffset + index * size * 4, bytes.byteOffset + (index + 1) * size * 4)))
}

export function seededVector (seed: number, size: number): Float32Array {
  const next = mulberry32(seed + 1)
  return Float32Array.from({ length: size }, () => next() - 0.5)
}

/** The known 32-bit generator of that name: numbers from 0 up to 1. */
export function mulberry32 (seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
