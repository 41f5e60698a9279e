import { createHash, hash } from 'node:crypto'

/** The inputs of the vectors, as README.md describes them. */

export const SEED = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')

export function stream (length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update('caf-vector').digest()
}

export function rows (count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i * 3}\t${hash('sha256', String(i), 'hex').repeat(i % 5)}`)
}

export function wideRows (): string[] {
  return Array.from({ length: 100 }, (_, i) => `${i}\t${'x'.repeat(i % 40 * 1_000)}`)
}

export function longRows (): string[] {
  return ['1\tshort', `2\t${'v'.repeat(65_536)}`, `3\t${'v'.repeat(65_537)}`, `4\t${stream(100_000).toString('hex')}`, `5\t${'v'.repeat(65_537)}`]
}

export function heapRows (): string[] {
  return Array.from({ length: 5_000 }, (_, i) => hash('sha256', String(i % 3_000), 'hex').slice(0, i % 64))
}

export function ids (count: number): string[] {
  return Array.from({ length: count }, (_, i) => `pg/object/${String(i).padStart(6, '0')}`)
}
