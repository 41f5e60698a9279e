import { hash } from 'node:crypto'
import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CID } from '../../src/dag/block.ts'
import { addressOf, blockCid, chunkCid, decodeBlock, isChunk } from '../../src/dag/block.ts'
import { scanLeaf } from '../../src/dag/leaf-scan.ts'
import type { TreeEntry } from '../../src/dag/tree.ts'
import { checkTree, encodeTree } from '../../src/dag/tree.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('hex'))
const amount = fc.oneof(fc.nat(30), fc.nat(300), fc.nat(70_000), fc.nat(2 ** 31 - 1), fc.constantFrom(2 ** 32 - 1, 2 ** 32, 2 ** 40))
const chunk = digest.map(chunkCid)
const key = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined })
const leaves = fc.oneof(
  fc.record({ form: fc.constant('bytes' as const), entries: fc.array(fc.record({ link: chunk, size: amount, key }), { maxLength: 30 }) }),
  fc.record({ form: fc.constant('rows' as const), entries: fc.array(fc.record({
    link: chunk, size: amount, count: amount, key, refs: fc.option(fc.array(fc.oneof(chunk, digest.map(blockCid)), { minLength: 1, maxLength: 30 }), { nil: undefined }),
  }), { maxLength: 30 }) }),
)

/** What decoding by dag-cbor says of the same bytes; undefined when it throws, or of a tree whose leaves these are not. */
function decoded (bytes: Uint8Array): unknown {
  try {
    const { form, level, size, count, entries } = checkTree(decodeBlock(bytes), blockCid(hash('sha256', bytes, 'hex')))
    return level > 0 || form === 'map' ? undefined : { form, level, size, count, entries: entries.map(plainEntry) }
  } catch {
    return undefined
  }
}

const plainEntry = ({ key, link, refs = [], ...amounts }: TreeEntry): unknown => ({ ...amounts, key: key && Buffer.from(key), links: [link, ...refs].map(factsOf) })
const factsOf = (cid: CID): unknown => ({ text: cid.toString(), address: addressOf(cid), isChunk: isChunk(cid), bytes: [...cid.bytes] })

function scanned (bytes: Uint8Array): unknown {
  const leaf = scanLeaf(bytes)
  if (leaf === undefined) return undefined
  const entries = leaf.entries.map(({ link, ...others }) => {
    expect({ text: link.at(0).toString(), address: link.addressAt(0), isChunk: link.isChunkAt(0) }).toEqual({ text: link.at(0).toString(), address: addressOf(link.at(0)), isChunk: isChunk(link.at(0)) })
    return plainEntry({ link: link.at(0), ...others })
  })
  return { ...leaf, entries }
}

describe('the links of a leaf', () => {
  it('are those that decoding it gives', () => fc.assert(fc.property(leaves, ({ form, entries }) => {
    const { bytes } = encodeTree({ form, level: 0, entries })
    expect(scanned(bytes)).toEqual(decoded(bytes))
    expect(scanned(bytes)).toBeDefined()
  })))

  it('are those that decoding gives, or unknown, when some bytes are others', () => {
    let taken = 0
    fc.assert(fc.property(leaves, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { minLength: 1, maxLength: 3 }), fc.nat(3), ({ form, entries }, changes, cut) => {
      const bytes = Buffer.from(encodeTree({ form, level: 0, entries: entries.slice(0, 3) }).bytes)
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      const found = scanned(bytes.subarray(0, bytes.length - (cut === 3 ? 1 : 0)))
      if (found !== undefined) {
        taken++
        expect(found).toEqual(decoded(bytes))
      }
    }), { numRuns: 5_000 })
    expect(taken).toBeGreaterThan(100)
  })

  it.each([
    ['a count that is in no shortest form', (text: string) => text.replace('65636f756e7401', '65636f756e741801')],
    ['entries in no shortest form', (text: string) => text.replace('67656e747269657381', '67656e74726965739801')],
    ['something after it', (text: string) => `${text}00`],
    ['another version', (text: string) => text.replace('a7617601', 'a7617602')],
    ['another sum', (text: string) => text.replace('6473697a6505', '6473697a6506')],
    ['members in another order', (text: string) => text.replace(/616c(d82a582500015512[0-9a-f]{66})616e01/, '616e01616c$1')],
  ])('are unknown of one with %s', (_what, change) => {
    const { bytes } = encodeTree({ form: 'rows', level: 0, entries: [{ link: chunkCid('ab'.repeat(32)), size: 5, count: 1 }] })
    const text = Buffer.from(bytes).toString('hex')
    expect(change(text)).not.toBe(text)
    expect(scanLeaf(Buffer.from(change(text), 'hex'))).toBeUndefined()
  })

  it('are unknown of other blocks', () => {
    const map = encodeTree({ form: 'map', level: 0, entries: [{ link: blockCid('ab'.repeat(32)), size: 5, count: 1, key: Buffer.from('a') }] })
    const above = encodeTree({ form: 'rows', level: 1, entries: [{ link: blockCid('ab'.repeat(32)), size: 5, count: 1 }] })
    const toBlock = encodeTree({ form: 'rows', level: 0, entries: [{ link: blockCid('ab'.repeat(32)), size: 5, count: 1 }] })
    for (const { bytes } of [map, above, toBlock]) expect(scanLeaf(bytes)).toBeUndefined()
    expect(scanLeaf(dagCbor.encode({ kind: 'node' }))).toBeUndefined()
    expect(scanLeaf(new Uint8Array())).toBeUndefined()
  })
})
