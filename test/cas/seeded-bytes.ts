import { createHash } from 'node:crypto'

/** Bytes that repeat nowhere, do not compress, and are the same in every run. */
export function seededBytes (length: number, seed: string | number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, i) => createHash('sha512').update(`${seed}/${i}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

/** Rows of text that compress about as a table does, the same in every run. */
export function seededRows (rows: number, seed: string | number): Buffer {
  const row = (i: number): string => `${i}\tname ${createHash('md5').update(`${seed}/${i}`).digest('hex')}\t2026-11-21\tt\n`
  return Buffer.from(Array.from({ length: rows }, (_, i) => row(i)).join(''))
}
