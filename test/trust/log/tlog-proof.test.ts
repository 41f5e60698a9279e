import { createPublicKey } from 'node:crypto'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signCheckpoint } from '../../../src/trust/log/checkpoint.ts'
import { leafHash, proveInclusion, rootOf } from '../../../src/trust/log/merkle.ts'
import { noteSigner } from '../../../src/trust/log/note-key.ts'
import { formatProof, parseProof, verifyProof } from '../../../src/trust/log/tlog-proof.ts'
import type { TlogProof } from '../../../src/trust/log/tlog-proof.ts'
import { leafOf, testTree } from './trees.ts'

const tree = testTree()
const signer = noteSigner('caf/0123456789abcdef0123456789abcdef', Buffer.alloc(32, 7))
const log = signer.key
const refused: unknown = expect.objectContaining({ code: 'PROOF_INVALID' })

async function proofOf (index: number, size: number): Promise<TlogProof> {
  return { extra: Buffer.from('an opening'), index, path: await proveInclusion(index, size, tree), checkpoint: signCheckpoint({ size, root: await rootOf(size, tree) }, signer) }
}

// Another implementation of the same: https://github.com/sigstore/sigstore-js. Its package lists no such entry points, so they are loaded by path.
interface Entry { readonly canonicalizedBody: Buffer, readonly inclusionProof: { readonly logIndex: string, readonly hashes: readonly Uint8Array[], readonly checkpoint: { readonly envelope: string } } }
const load = createRequire(import.meta.url)
const sigstore = {
  ...load(resolve('node_modules/@sigstore/verify/dist/tlog/checkpoint.js')) as { verifyCheckpoint: (entry: Entry, logs: readonly unknown[]) => unknown },
  ...load(resolve('node_modules/@sigstore/verify/dist/tlog/merkle.js')) as { verifyMerkleInclusion: (entry: Entry, checkpoint: unknown) => void },
}

function checkWithSigstore ({ index, path, checkpoint }: TlogProof, leaf: Uint8Array): void {
  const entry = { canonicalizedBody: Buffer.from(leaf), inclusionProof: { logIndex: String(index), hashes: path, checkpoint: { envelope: checkpoint } } }
  const publicKey = createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), log.publicKey]), format: 'der', type: 'spki' })
  sigstore.verifyMerkleInclusion(entry, sigstore.verifyCheckpoint(entry, [{ logID: Buffer.from(log.id, 'hex'), baseURL: log.name, publicKey }]))
}

describe('tlog proof', () => {
  it('verifies after a way through text', async () => {
    const proof = await proofOf(11, 300)
    const text = formatProof(proof)
    expect(text).toMatch(/^c2sp\.org\/tlog-proof@v1\nextra YW4gb3BlbmluZw==\nindex 11\n/)
    expect(formatProof(parseProof(text))).toBe(text)
    expect(verifyProof(parseProof(text), { hash: leafHash(leafOf(11)), log })).toMatchObject({ size: 300, origin: log.name })
  })

  it('needs no extra, and no path in a log of one leaf', async () => {
    const { index, path, checkpoint } = await proofOf(0, 1)
    const text = formatProof({ index, path, checkpoint })
    expect(text.split('\n').slice(0, 3)).toEqual(['c2sp.org/tlog-proof@v1', 'index 0', ''])
    expect(verifyProof(parseProof(text), { hash: leafHash(leafOf(0)), log }).size).toBe(1)
  })

  it('convinces another implementation, which refuses the same forgeries', async () => {
    for (const [index, size] of [[0, 1], [0, 2], [4, 7], [255, 256], [256, 300], [70, 5000]] as const) {
      const proof = await proofOf(index, size)
      checkWithSigstore(proof, leafOf(index))
      expect(() => { checkWithSigstore(proof, leafOf(index + 1)) }).toThrow()
      expect(() => { checkWithSigstore({ ...proof, checkpoint: proof.checkpoint.replace(`\n${size}\n`, `\n${size + 1}\n`) }, leafOf(index)) }).toThrow()
      expect(() => verifyProof(proof, { hash: leafHash(leafOf(index + 1)), log })).toThrow(refused)
    }
  })

  it('is refused with any character changed, except in what it does not authenticate', async () => {
    const text = formatProof(await proofOf(11, 300))
    const start = text.indexOf('index')
    fc.assert(fc.property(fc.integer({ min: start, max: text.length - 1 }), fc.constantFrom('A', '7', '\n', ' ', '=', 'é'), (at, character) => {
      fc.pre(text[at] !== character)
      const changed = text.slice(0, at) + character + text.slice(at + 1)
      expect(() => verifyProof(parseProof(changed), { hash: leafHash(leafOf(11)), log })).toThrow(refused)
    }), { seed: 6, numRuns: 400 })
  })

  it.each([
    ['another header', (text: string) => text.replace('@v1', '@v2')], ['an index with a zero before', (text: string) => text.replace('index 11', 'index 011')], ['no index', (text: string) => text.replace('index 11\n', '')],
    ['extra after the index', (text: string) => text.replace(/(extra .*\n)(index 11\n)/, '$2$1')], ['two extras', (text: string) => text.replace(/(extra .*\n)/, '$1$1')], ['extra that is no base64', (text: string) => text.replace('extra YW4', 'extra ?W4')],
    ['a path of 64 hashes', (text: string) => text.replace('index 11\n', `index 11\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}`)], ['nothing after the path', (text: string) => text.slice(0, text.indexOf('\n\n'))],
    ['the key of another', (text: string) => text.replace(log.name, 'caf/other')],
  ])('is refused with %s', async (_, change) => {
    const text = change(formatProof(await proofOf(11, 300)))
    expect(() => verifyProof(parseProof(text), { hash: leafHash(leafOf(11)), log })).toThrow(refused)
  })
})
