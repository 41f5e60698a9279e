import { leafHash, nodeHash } from '../../../src/trust/log/merkle.ts'
import type { HashReader } from '../../../src/trust/log/merkle.ts'

/** Leaf number `n` of the trees in these tests. */
export function leafOf (n: number): Uint8Array {
  return Buffer.from(`leaf ${n}`)
}

/** Root as RFC 6962, 2.1, writes it down: recursively, of all leaves. */
export function plainRoot (leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leafHash(leaves[0]!)
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(plainRoot(leaves.slice(0, split)), plainRoot(leaves.slice(split)))
}

/** Hashes of an endless tree of these tests' leaves, kept once computed. */
export function testTree (): HashReader {
  const known = new Map<string, Uint8Array>()
  const hashOf = (level: number, index: number): Uint8Array => {
    const key = `${level}/${index}`
    const hash = known.get(key) ?? (level === 0 ? leafHash(leafOf(index)) : nodeHash(hashOf(level - 1, 2 * index), hashOf(level - 1, 2 * index + 1)))
    known.set(key, hash)
    return hash
  }
  return async subtrees => subtrees.map(({ level, index }) => hashOf(level, index))
}
