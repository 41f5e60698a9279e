import { decode, encode } from '@ipld/dag-cbor'
import { CID, addressOf, blockCid, chunkCid, decodeBlock } from '../../../src/dag/block.ts'
import { decodeNode } from '../../../src/dag/node.ts'
import { readBytes, readFiles, readRows } from '../../../src/dag/read-content.ts'
import { decodeSnapshot } from '../../../src/dag/snapshot.ts'
import type { StoredRows } from '../../../src/dag/stored-content.ts'
import { decodeTree } from '../../../src/dag/tree.ts'
import { walk } from '../../../src/dag/walk.ts'
import { addressOf as hashOf } from '../../../src/cas/address.ts'
import { isBackupError } from '../../../src/errors.ts'
import { buildSnapshot, sampleArtifacts } from '../../caf/sample-snapshot.ts'
import type { MemoryBlobs } from '../../caf/memory-blobs.ts'
import type { Bytes } from '../../../src/stream.ts'
import { deepCbor, mutateBytes, mutateValue } from './mutation.ts'
import { madeTarget } from './target.ts'
import type { FuzzTarget } from './target.ts'

const DEEP = 100_000
const LARGEST_SEED = 20_000
const MOST_SEEDS = 40

/** What is linked by its hash: somebody else may have made all of it. */
export async function blockTargets (): Promise<FuzzTarget[]> {
  const { root, blobs } = await buildSnapshot(sampleArtifacts())
  const seeds: Record<'snapshot' | 'tree' | 'node', Uint8Array[]> = { snapshot: [], tree: [], node: [] }
  const contents: StoredRows[] = []
  for await (const { cid, kind } of walk([root], blobs)) {
    if (kind === 'chunk') continue
    const bytes = blobs.blobs.get(addressOf(cid))!
    if (bytes.length < LARGEST_SEED && seeds[kind].length < MOST_SEEDS) seeds[kind].push(bytes)
    if (kind === 'node') contents.push(decodeNode(bytes, cid).content as StoredRows)
  }
  const odd = [...ODD, root, chunkCid('0'.repeat(64)), CID.parse('bafkqabiaaebagba')]
  const blocks = (name: 'snapshot' | 'tree' | 'node', parse: (bytes: Uint8Array, cid: CID) => unknown): FuzzTarget => {
    const values = seeds[name].map(bytes => decode(bytes))
    return madeTarget(name, [...seeds[name], deepCbor(DEEP)], chance => encode(mutateValue(chance.pick(values), chance, odd)), bytes => parse(bytes, blockCid(hashOf(bytes))))
  }
  return [
    { ...madeTarget('block', [...seeds.tree, ...seeds.node, deepCbor(DEEP)], chance => mutateBytes(seeds.snapshot, chance), bytes => decodeBlock(bytes)), weight: 15 },
    blocks('snapshot', decodeSnapshot),
    blocks('tree', decodeTree),
    blocks('node', decodeNode),
    contentTarget(contents.filter(({ root: cid }) => cid.code !== RAW), blobs, odd),
    chunkTarget(contents, blobs),
  ]
}

const RAW = 0x55
const ODD: readonly unknown[] = [null, true, -1, 0, 1, 1.5, 2 ** 40, 2 ** 53 - 1, '', 'x', [], {}, new Uint8Array(0), new Uint8Array(16), [[]], { a: 1 }]

/** A tree that was changed, with what is below it as it was, read to its end in each form. */
function contentTarget (contents: readonly StoredRows[], blobs: MemoryBlobs, odd: readonly unknown[]): FuzzTarget {
  const seeds = contents.map(({ root }) => blobs.blobs.get(addressOf(root))!)
  const values = seeds.map(bytes => decode(bytes))
  return madeTarget('content', seeds, chance => encode(mutateValue(chance.pick(values), chance, odd)), async bytes => {
    const root = blockCid(hashOf(bytes))
    await readAll(root, overlaid(blobs, bytes))
  }, { weight: 4 })
}

/** A chunk of rows that was changed, under a tree that links to it. */
function chunkTarget (contents: readonly StoredRows[], blobs: MemoryBlobs): FuzzTarget {
  const chunks = [...blobs.blobs.values()].filter(bytes => bytes.includes(TAB) && bytes.length < LARGEST_SEED)
  const references = chunks.filter(bytes => Buffer.from(bytes).includes('\\@'))
  return madeTarget('rows in chunks', chunks.slice(0, MOST_SEEDS), chance => mutateBytes(references, chance), async bytes => {
    const link = chunkCid(hashOf(bytes))
    const refs = contents.map(({ root }) => root).slice(0, 2)
    const tree = encode({ count: 1, entries: [{ l: link, n: 1, r: refs, s: bytes.length }], form: 'rows', kind: 'tree', level: 0, size: bytes.length, v: 1 })
    await readAll(blockCid(hashOf(tree)), overlaid(blobs, bytes, tree))
  })
}

const TAB = 9

interface ReadableBlobs {
  get(address: string): Promise<Uint8Array | undefined>
}

function overlaid (blobs: MemoryBlobs, ...more: readonly Uint8Array[]): ReadableBlobs {
  const own = new Map(more.map(bytes => [hashOf(bytes), bytes]))
  return { get: async address => own.get(address) ?? await blobs.get(address) }
}

/** All that is thrown must be ours, whichever reader throws it. */
async function readAll (root: CID, blobs: ReadableBlobs): Promise<void> {
  const rows: StoredRows = { form: 'rows', root, size: 0, count: 0, columns: ['a'], key: [] }
  const files = { ...rows, form: 'files' as const }
  const attempts: Array<() => Promise<unknown>> = [
    async () => { await drain(readBytes(root, blobs)) },
    async () => { await drain(readRows(rows, blobs)) },
    async () => { for await (const entry of readFiles(files, blobs)) if (entry.read !== undefined) await drain(entry.read()) },
    async () => { await Array.fromAsync(walk([root], blobs)) },
  ]
  const failures = (await Promise.allSettled(attempts.map(async attempt => await attempt()))).filter(result => result.status === 'rejected').map(({ reason }) => reason as unknown)
  const worst = failures.find(failure => !isBackupError(failure)) ?? failures[0]
  if (worst !== undefined) throw asError(worst)
}

function asError (reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

async function drain (bytes: Bytes): Promise<void> {
  for await (const piece of bytes) void piece
}
