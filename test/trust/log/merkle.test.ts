import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EMPTY_ROOT, leafHash, nodeHash, proveConsistency, proveInclusion, rootOf, verifyConsistency, verifyInclusion } from '../../../src/trust/log/merkle.ts'
import type { Subtree } from '../../../src/trust/log/merkle.ts'
import { leafOf, plainRoot, testTree } from './trees.ts'

const tree = testTree()
const CORPUS = join(process.env['CAF_FIXTURES'] ?? join(import.meta.dirname, '../../../../shared/data'), 'merkle')
const there = existsSync(CORPUS)
if (!there) process.stderr.write(`skipped: there are no reference vectors in ${CORPUS} (set CAF_FIXTURES)\n`)

interface ReferenceVector {
  readonly desc: string
  readonly proof: readonly string[] | null
  readonly wantErr: boolean
}
interface InclusionVector extends ReferenceVector { readonly leafIdx: number, readonly treeSize: number, readonly root: string, readonly leafHash: string }
interface ConsistencyVector extends ReferenceVector { readonly size1: number, readonly size2: number, readonly root1: string, readonly root2: string }

function vectors<T extends ReferenceVector> (kind: string): Array<[string, T]> {
  return there ? globSync(`${CORPUS}/${kind}/**/*.json`).sort().map(file => [file.slice(CORPUS.length), JSON.parse(readFileSync(file, 'utf8')) as T]) : []
}

const bytes = (base64: string): Uint8Array => Buffer.from(base64, 'base64')
const flip = (data: Uint8Array, bit: number): Uint8Array => data.map((byte, at) => at === bit >> 3 ? byte ^ 1 << (bit & 7) : byte)
const flipOne = (path: readonly Uint8Array[], bit: number): Uint8Array[] => path.map((hash, at) => at === Math.floor(bit / 256) ? flip(hash, bit % 256) : hash)

describe.skipIf(!there)('reference vectors', () => {
  it('are found', () => { expect(vectors('inclusion').length + vectors('consistency').length).toBeGreaterThan(100) })

  it.each(vectors<InclusionVector>('inclusion'))('inclusion %s', (_, { leafIdx, treeSize, root, leafHash: hash, proof, wantErr }) => {
    expect(verifyInclusion({ index: leafIdx, size: treeSize, hash: bytes(hash), root: bytes(root) }, (proof ?? []).map(bytes))).toBe(!wantErr)
  })

  it.each(vectors<ConsistencyVector>('consistency'))('consistency %s', (_, { size1, size2, root1, root2, proof, wantErr }) => {
    expect(verifyConsistency({ size: size1, root: bytes(root1) }, { size: size2, root: bytes(root2) }, (proof ?? []).map(bytes))).toBe(!wantErr)
  })
})

describe('merkle tree', () => {
  it('has the roots that the RFC defines', async () => {
    expect(Buffer.from(EMPTY_ROOT).toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    const leaves = Array.from({ length: 301 }, (_, n) => leafOf(n))
    for (let size = 1; size <= 301; size++) expect(await rootOf(size, tree)).toEqual(plainRoot(leaves.slice(0, size)))
  })

  it('proves every leaf of small trees and some of larger ones', async () => {
    for (let size = 1; size <= 300; size += size < 40 ? 1 : 13) {
      const root = await rootOf(size, tree)
      for (let index = 0; index < size; index++) {
        expect(verifyInclusion({ index, size, hash: leafHash(leafOf(index)), root }, await proveInclusion(index, size, tree))).toBe(true)
      }
    }
  })

  it('proves every extension', async () => {
    const roots = await Promise.all(Array.from({ length: 301 }, async (_, size) => await rootOf(size, tree)))
    for (let to = 0; to <= 300; to += to < 70 ? 1 : 19) {
      for (let from = 0; from <= to; from++) {
        expect(verifyConsistency({ size: from, root: roots[from]! }, { size: to, root: roots[to]! }, await proveConsistency(from, to, tree))).toBe(true)
      }
    }
  })

  it('refuses an inclusion proof with any bit, the index or the size changed', async () => {
    const claims = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), fc.nat(300), fc.nat(300))
    await fc.assert(fc.asyncProperty(claims, async ([size, at, bit, otherIndex, otherSize]) => {
      const index = at % size
      const [root, path] = [await rootOf(size, tree), await proveInclusion(index, size, tree)]
      const claim = { index, size, root, hash: leafHash(leafOf(index)) }
      expect(verifyInclusion({ ...claim, root: flip(root, bit % 256) }, path)).toBe(false)
      expect(verifyInclusion({ ...claim, hash: flip(claim.hash, bit % 256) }, path)).toBe(false)
      if (path.length > 0) expect(verifyInclusion(claim, flipOne(path, bit % (path.length * 256)))).toBe(false)
      expect(verifyInclusion(claim, [...path, root])).toBe(false)
      expect(verifyInclusion(claim, path.slice(1))).toBe(path.length === 0)
      if (otherIndex !== index) expect(verifyInclusion({ ...claim, index: otherIndex }, path)).toBe(false)
      // The same path can lead to the same root in a tree of another size; with the root of that size it must not.
      if (otherSize !== size) expect(verifyInclusion({ ...claim, size: otherSize, root: await rootOf(otherSize, tree) }, path)).toBe(false)
    }), { seed: 1, numRuns: 300 })
  })

  it('refuses a consistency proof with any bit or a size changed', async () => {
    const claims = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), fc.nat(300))
    await fc.assert(fc.asyncProperty(claims, async ([to, at, bit, other]) => {
      const from = 1 + at % to
      const [older, newer] = [{ size: from, root: await rootOf(from, tree) }, { size: to, root: await rootOf(to, tree) }]
      const proof = await proveConsistency(from, to, tree)
      expect(verifyConsistency({ ...older, root: flip(older.root, bit % 256) }, newer, proof)).toBe(false)
      expect(verifyConsistency(older, { ...newer, root: flip(newer.root, bit % 256) }, proof)).toBe(false)
      if (proof.length > 0) expect(verifyConsistency(older, newer, flipOne(proof, bit % (proof.length * 256)))).toBe(false)
      expect(verifyConsistency(older, newer, [...proof, newer.root])).toBe(false)
      if (other !== from) expect(verifyConsistency({ ...older, size: other }, newer, proof)).toBe(false)
      if (other !== to) expect(verifyConsistency(older, { size: other, root: await rootOf(other, tree) }, proof)).toBe(false)
    }), { seed: 2, numRuns: 300 })
  })

  it('goes beyond 2^32 leaves', async () => {
    const levels = [leafHash(leafOf(0))]
    const uniform = async (subtrees: readonly Subtree[]): Promise<Uint8Array[]> => subtrees.map(({ level }) => {
      for (let next = levels.length; next <= level; next++) levels.push(nodeHash(levels[next - 1]!, levels[next - 1]!))
      return levels[level]!
    })
    const [from, size, index] = [2 ** 33 + 3, 2 ** 40 + 2 ** 33 + 5, 2 ** 40 + 2 ** 32 + 17]
    const root = await rootOf(size, uniform)
    expect(verifyInclusion({ index, size, hash: levels[0]!, root }, await proveInclusion(index, size, uniform))).toBe(true)
    expect(verifyInclusion({ index: size, size, hash: levels[0]!, root }, await proveInclusion(index, size, uniform))).toBe(false)
    const older = { size: from, root: await rootOf(from, uniform) }
    expect(verifyConsistency(older, { size, root }, await proveConsistency(from, size, uniform))).toBe(true)
  })

  it('proves nothing outside of the tree', async () => {
    await expect(proveInclusion(5, 5, tree)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(proveInclusion(-1, 5, tree)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(proveConsistency(6, 5, tree)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
