import { createCipheriv, createHash } from 'node:crypto'

/** Bytes that repeat nowhere, do not compress, and are the same in every run. */
export function seededBytes (length: number, seed: string | number): Buffer {
  const key = createHash('sha256').update(String(seed)).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

/** Rows of text that compress about as a table does, the same in every run. */
export function seededRows (rows: number, seed: string | number): Buffer {
  const row = (i: number): string => `${i}\tname ${createHash('md5').update(`${seed}/${i}`).digest('hex')}\t2026-11-21\tt\n`
  return Buffer.from(Array.from({ length: rows }, (_, i) => row(i)).join(''))
}
