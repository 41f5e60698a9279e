import { afterEach, beforeEach, expect, it } from 'vitest'
import * as dagCbor from '@ipld/dag-cbor'
import { packKey } from '../../src/cas/layout.ts'
import type { Repository, WriterSession } from '../../src/cas/repository.ts'
import { addressOf, blockCid, chunkCid, encodeBlock } from '../../src/dag/block.ts'
import type { CID } from '../../src/dag/block.ts'
import { storeContent } from '../../src/dag/content.ts'
import type { StoredRows } from '../../src/dag/content.ts'
import { encodeNode } from '../../src/dag/node.ts'
import type { NodeBlock } from '../../src/dag/node.ts'
import { compareIds, writeNodeMap } from '../../src/dag/node-map.ts'
import { encodeSnapshot } from '../../src/dag/snapshot.ts'
import type { SnapshotBlock } from '../../src/dag/snapshot.ts'
import type { TreeEntry } from '../../src/dag/tree.ts'
import { encodeTree } from '../../src/dag/tree.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import type { Content } from '../../src/sources/source.ts'
import type { AbortOptions } from '../../src/stream.ts'
import type { Verdict } from '../../src/trust/validator.ts'
import { bytesContent, CHUNKER, fileOf, filesOf, SEED, tableOf } from '../dag/contents.ts'
import { nodeOf, snapshotOf } from '../dag/nodes.ts'
import { seededBytes } from './chunker.ts'

/** A repository, and a validator that judges what is written to it. */
export interface ValidatorWorld {
  readonly repository: Repository
  /** What the validator says to the snapshot of that root, which `writer` has put and flushed. */
  judge(writer: WriterSession, root: CID, options?: AbortOptions): Promise<Verdict>
  /** Commits what the validator accepted, so that others can build on it. */
  commit(writer: WriterSession, root: CID): Promise<void>
  close(): Promise<void>
}

const line = (id: number): string => `${id}\t${seededBytes(40 + id % 50, `row ${id}`).toString('hex')}`
const lines = Array.from({ length: 900 }, (_, id) => line(id))

/** What every validator does. `open` gives an empty repository; each case gets its own. */
export function validatorCompliance (open: () => Promise<ValidatorWorld>): void {
  let world: ValidatorWorld
  let writer: WriterSession

  beforeEach(async () => {
    world = await open()
    writer = await world.repository.openWriter()
  })
  afterEach(async () => {
    await writer.discard().catch(() => undefined)
    await world.close()
  })

  const stored = async (id: string, content: Content, changes: Partial<NodeBlock> = {}): Promise<NodeBlock> => {
    const { content: where, hash } = await storeContent(content, { blobs: writer, seed: SEED, chunker: CHUNKER })
    const { metadata } = nodeOf(id, changes.deps === undefined ? {} : { deps: changes.deps })
    return nodeOf(id, { content: where, hash, metadata: { ...metadata, outputHashes: [hash] }, ...changes })
  }
  const put = async (bytes: Uint8Array): Promise<CID> => blockCid((await writer.put(bytes)).address)
  const snapshot = async (nodes: readonly NodeBlock[], changes: Partial<SnapshotBlock> = {}): Promise<CID> => {
    const entries: Array<readonly [string, CID]> = []
    for (const node of [...nodes].sort((a, b) => compareIds(a.id, b.id))) entries.push([node.id, await put(encodeNode(node).bytes)])
    return await snapshotWith(await writeNodeMap(entries, { blobs: writer, seed: SEED }), changes)
  }
  const snapshotWith = async (map: CID, changes: Partial<SnapshotBlock> = {}): Promise<CID> => {
    const root = await put(encodeSnapshot(snapshotOf(map, { id: writer.id, ...changes })).bytes)
    await writer.flush()
    return root
  }
  const judge = async (nodes: readonly NodeBlock[], changes: Partial<SnapshotBlock> = {}): Promise<Verdict> => await world.judge(writer, await snapshot(nodes, changes))
  const expectRejection = (verdict: Verdict, reason: RegExp | string): void => {
    expect(verdict.accepts).toBe(false)
    expect(verdict.errors.join('\n')).toMatch(reason)
  }
  /** Every kind of content, with trees of several levels, values out of line and deps. */
  const all = async (): Promise<NodeBlock[]> => {
    const bytes = await stored('bytes', bytesContent(seededBytes(300_000, 'bytes')))
    return [
      bytes,
      await stored('one-chunk', bytesContent(Buffer.from('hello'))),
      await stored('empty', bytesContent(Buffer.alloc(0))),
      await stored('rows', tableOf([...lines, `9000\t${'x'.repeat(90_000)}`], { averageRowBytes: 2_000 }), { deps: ['bytes'], metadata: { ...nodeOf('rows').metadata, inputHashes: [bytes.hash] } }).then(node => ({ ...node, metadata: { ...node.metadata, outputHashes: [node.hash] } })),
      await stored('heap', tableOf([...lines].reverse(), { key: [] })),
      await stored('files', filesOf([fileOf('a', seededBytes(40_000, 'a')), fileOf('b', ''), fileOf('c', 'c')])),
    ]
  }
  const rowsNode = async (): Promise<NodeBlock & { content: StoredRows }> => await stored('rows', tableOf(lines, { averageRowBytes: 2_000 })) as NodeBlock & { content: StoredRows }
  /** The table with its entries of level 0 changed and its sums agreeing with them. */
  const reworked = async (node: NodeBlock & { content: StoredRows }, change: (entries: TreeEntry[]) => TreeEntry[]): Promise<NodeBlock> => {
    await writer.flush()
    const { bytes, cid } = encodeTree({ form: 'rows', level: 0, entries: change(await Array.fromAsync(readEntries(node.content.root, writer))) })
    await writer.put(bytes)
    const [count, size] = (await Array.fromAsync(readEntries(cid, writer))).reduce(([n, s], entry) => [n + entry.count!, s + entry.size], [0, 0])
    const hash = addressOf(cid)
    return { ...node, hash, content: { ...node.content, root: cid, count, size }, metadata: { ...node.metadata, outputHashes: [hash] } }
  }

  it('accepts a snapshot with every kind of content, and has read all of it', async () => {
    const verdict = await judge(await all())
    expect(verdict).toMatchObject({ accepts: true, checked: 'data', errors: [] })
  })

  it('accepts a snapshot without nodes', async () => {
    expect(await judge([])).toMatchObject({ accepts: true })
  })

  it('gives the same verdict to the same root twice', async () => {
    const root = await snapshot(await all())
    expect((await world.judge(writer, root)).accepts).toBe(true)
    expect((await world.judge(writer, root)).accepts).toBe(true)
    const missing = await snapshot([nodeOf('lost')])
    const [once, twice] = [await world.judge(writer, missing), await world.judge(writer, missing)]
    expect([once.accepts, twice.accepts]).toEqual([false, false])
    expect(twice.errors).toEqual(once.errors)
  })

  it('accepts what builds on a snapshot that it accepted before', async () => {
    const nodes = await all()
    const root = await snapshot(nodes)
    expect((await world.judge(writer, root)).accepts).toBe(true)
    await world.commit(writer, root)
    writer = await world.repository.openWriter()
    const changed = nodes.map(node => node.id === 'one-chunk' ? undefined : node).filter(node => node !== undefined)
    const rows = await stored('rows', tableOf([...lines.slice(0, 500), line(100_000), ...lines.slice(500)].sort((a, b) => parseInt(a) - parseInt(b)), { averageRowBytes: 2_000 }))
    const verdict = await judge([...changed.filter(({ id }) => id !== 'rows'), rows], { parents: [root] })
    expect(verdict).toMatchObject({ accepts: true, errors: [] })
  })

  it('rejects a chunk that is missing, with its CID', async () => {
    expectRejection(await judge([nodeOf('lost')]), nodeOf('lost').content.root.toString())
  })

  it('rejects a tree block, a node block and a root that are missing, with their CIDs', async () => {
    const gone = blockCid('77'.repeat(32))
    expectRejection(await judge([nodeOf('lost', { content: { form: 'bytes', root: gone, size: 1, count: 0 } })]), gone.toString())
    const map = await writeNodeMap([['lost', gone]], { blobs: writer, seed: SEED })
    expectRejection(await world.judge(writer, await snapshotWith(map)), gone.toString())
    expectRejection(await world.judge(writer, gone), gone.toString())
  })

  it('rejects a chunk and a block whose stored bytes were flipped', async () => {
    const node = await stored('bytes', bytesContent(Buffer.from('as it was')))
    const root = await snapshot([node])
    const { backend } = world.repository
    const { pack, offset } = world.repository.locate(addressOf(node.content.root))!
    const packed = Buffer.from((await backend.get(packKey(pack)))!)
    packed[offset]! ^= 1
    await backend.put(packKey(pack), packed)
    expectRejection(await world.judge(writer, root), addressOf(node.content.root))
  })

  it('rejects a block that is not canonical', async () => {
    const good = encodeSnapshot(snapshotOf(await writeNodeMap([], { blobs: writer, seed: SEED }), { id: writer.id }))
    const members = Object.entries(dagCbor.decode<Record<string, unknown>>(good.bytes)).reverse()
    const bytes = Buffer.concat([Buffer.of(0xa0 + members.length), ...members.flatMap(([name, value]) => [dagCbor.encode(name), dagCbor.encode(value)])])
    const root = await put(bytes)
    await writer.flush()
    expectRejection(await world.judge(writer, root), 'not canonical')
  })

  it('rejects a root that is no snapshot', async () => {
    const root = await put(encodeNode(nodeOf('a')).bytes)
    await writer.flush()
    expectRejection(await world.judge(writer, root), 'kind')
  })

  it('rejects a circle, and names its path', async () => {
    const of = async (id: string, dep: string): Promise<NodeBlock> => await stored(id, bytesContent(Buffer.from('same')), { deps: [dep] })
    expectRejection(await judge([await of('a', 'b'), await of('b', 'c'), await of('c', 'a')]), 'a → b → c → a')
  })

  it('rejects a dep that is not there', async () => {
    expectRejection(await judge([await stored('a', bytesContent(Buffer.from('a')), { deps: ['nowhere'] })]), /a depends on nowhere/)
  })

  it('rejects input hashes other than those of the deps, and output hashes other than its own', async () => {
    const dep = await stored('dep', bytesContent(Buffer.from('dep')))
    expectRejection(await judge([dep, await stored('a', bytesContent(Buffer.from('a')), { deps: ['dep'] })]), /another input hash/)
    const node = await stored('b', bytesContent(Buffer.from('b')))
    expectRejection(await judge([{ ...node, metadata: { ...node.metadata, outputHashes: ['ab'.repeat(32)] } }]), /output hashes/)
  })

  it('rejects a node that says itself that it is not valid', async () => {
    const node = await stored('b', bytesContent(Buffer.from('b')))
    expectRejection(await judge([{ ...node, metadata: { ...node.metadata, validationResult: { isValid: false, errors: ['torn'], warnings: [] } } }]), 'torn')
  })

  it('rejects a node under another id than its own', async () => {
    const { bytes, cid } = encodeNode(await stored('own', bytesContent(Buffer.from('b'))))
    await writer.put(bytes)
    expectRejection(await world.judge(writer, await snapshotWith(await writeNodeMap([['other', cid]], { blobs: writer, seed: SEED }))), /the map says other where the block says own/)
  })

  it('rejects a parent that was never committed here', async () => {
    expectRejection(await judge(await all(), { parents: [blockCid('ab'.repeat(32))] }), /was never committed/)
  })

  it('accepts an imported snapshot, whose parents are elsewhere', async () => {
    expect(await judge(await all(), { id: 'ab'.repeat(16), parents: [blockCid('ab'.repeat(32))] })).toMatchObject({ accepts: true })
  })

  it('rejects a hash that is not that of the content, in every form', async () => {
    const hash = 'ab'.repeat(32)
    for (const { id, metadata, ...node } of (await all()).filter(({ deps }) => deps.length === 0)) {
      expectRejection(await judge([{ ...node, id, hash, metadata: { ...metadata, outputHashes: [hash] } }]), /hash/)
    }
  })

  it('rejects a size or a count of a node that is not that of its tree', async () => {
    const rows = await rowsNode()
    expectRejection(await judge([{ ...rows, content: { ...rows.content, size: rows.content.size + 1 } }]), /has not the form, level, sizes/)
    expectRejection(await judge([{ ...rows, content: { ...rows.content, count: rows.content.count - 1 } }]), /has not the form, level, sizes/)
    const bytes = await stored('bytes', bytesContent(Buffer.from('four')))
    expectRejection(await judge([{ ...bytes, content: { ...bytes.content, form: 'bytes', size: 5, count: 0 } }]), /has 4 bytes, where 5 are expected/)
  })

  it('rejects a tree whose sums are not those of its entries', async () => {
    const rows = await rowsNode()
    const tree = dagCbor.decode<Record<string, unknown>>((await (await flushed()).get(addressOf(rows.content.root)))!)
    const { bytes, cid } = encodeBlock({ ...tree, size: Number(tree['size']) + 7 })
    await writer.put(bytes)
    const hash = addressOf(cid)
    expectRejection(await judge([{ ...rows, hash, metadata: { ...rows.metadata, outputHashes: [hash] }, content: { ...rows.content, root: cid, size: rows.content.size + 7 } }]), /its entries have/)
  })
  const flushed = async (): Promise<WriterSession> => {
    await writer.flush()
    return writer
  }

  const changes: ReadonlyArray<readonly [string, (entries: TreeEntry[]) => TreeEntry[], RegExp]> = [
    ['more bytes', ([first, ...rest]) => [{ ...first!, size: first!.size + 1 }, ...rest], /bytes with its values, its tree says/],
    ['more rows', ([first, ...rest]) => [{ ...first!, count: first!.count! + 1 }, ...rest], /rows, its tree says/],
    ['another first key', ([first, ...rest]) => [{ ...first!, key: Buffer.from('1') }, ...rest], /another key/],
    ['values out of line that are not there', ([first, ...rest]) => [{ ...first!, refs: [chunkCid('ab'.repeat(32))] }, ...rest], /other values out of line/],
    ['its chunks in another order', ([first, second, ...rest]) => [second!, first!, ...rest], /does not follow the keys/],
    ['a chunk twice', ([first, ...rest]) => [first!, first!, ...rest], /does not follow the keys/],
    ['no key', ([first, ...rest]) => [{ link: first!.link, size: first!.size, count: first!.count }, ...rest], /another key/],
  ]
  it.each(changes)('rejects a table whose tree says %s', async (_, change, reason) => {
    expectRejection(await judge([await reworked(await rowsNode(), change)]), reason)
  })

  it.each(changes)('rejects a table that takes chunks over from an accepted one, and then says %s', async (_, change, reason) => {
    const rows = await rowsNode()
    const root = await snapshot([rows])
    expect((await world.judge(writer, root)).accepts).toBe(true)
    await world.commit(writer, root)
    writer = await world.repository.openWriter()
    expectRejection(await judge([await reworked(rows, change)], { parents: [root] }), reason)
  })

  const folderNode = async (day: number): Promise<NodeBlock & { content: StoredRows }> => {
    const files = Array.from({ length: 30 }, (_, n) => fileOf(`file-${n + 10}`, n === 7 ? `changed on day ${day}` : `content ${n}`))
    return await stored('files', filesOf(files)) as NodeBlock & { content: StoredRows }
  }

  it('reads of a folder that an accepted snapshot has only the files that changed, and finds another length of one that did not', async () => {
    const root = await snapshot([await folderNode(1)])
    const first = await world.judge(writer, root)
    expect(first).toMatchObject({ accepts: true, errors: [] })
    await world.commit(writer, root)
    writer = await world.repository.openWriter()
    const folder = await folderNode(2)
    const second = await judge([folder], { parents: [root] })
    expect(second).toMatchObject({ accepts: true, errors: [] })
    expect([29, 0]).toContain(first.blobs - second.blobs) // nothing is spared where only what the validator cosigned counts

    const [entry] = await Array.fromAsync(readEntries(folder.content.root, writer))
    const rows = Buffer.from((await writer.get(addressOf(entry!.link)))!).toString('latin1')
    const { address } = await writer.put(Buffer.from(rows.replace(/\t9(\t\\N\t\\@\w+:)9\n/, '\t10$110\n'), 'latin1'), { kind: 'chunk' })
    expectRejection(await judge([await reworked(folder, () => [{ ...entry!, link: chunkCid(address), size: entry!.size + 2 }])], { parents: [root] }), /has 9 bytes, where 10 are expected/)
  })

  it('rejects rows that do not ascend, and rows with too few columns', async () => {
    for (const [text, reason] of [['2\tb\n1\ta\n', /do not ascend/], ['1\ta\n1\tb\n', /do not ascend/], ['1\ta\n2', /end of a row/]] as const) {
      const rows = await rowsNode()
      const { address } = await writer.put(Buffer.from(text))
      const entry = { link: chunkCid(address), size: text.length, count: text.match(/\n|\d$/g)!.length, key: Buffer.from(text[0]!) }
      expectRejection(await judge([await reworked(rows, () => [entry])]), reason)
    }
  })

  it('rejects a tree with one entry where a direct link must be', async () => {
    const node = await stored('bytes', bytesContent(Buffer.from('four')))
    const { bytes, cid } = encodeTree({ form: 'bytes', level: 0, entries: [{ link: node.content.root, size: 4 }] })
    await writer.put(bytes)
    expectRejection(await judge([{ ...node, content: { form: 'bytes', root: cid, size: 4, count: 0 } }]), /must be linked directly/)
  })

  it('does not hang on a tree that is made of itself over and over', async () => {
    const { address } = await writer.put(Buffer.from('x'))
    let below = encodeTree({ form: 'bytes', level: 0, entries: Array.from({ length: 32 }, () => ({ link: chunkCid(address), size: 1 })) })
    await writer.put(below.bytes)
    let size = 32
    for (let level = 1; level <= 9; level++) {
      below = encodeTree({ form: 'bytes', level, entries: Array.from({ length: 32 }, () => ({ link: below.cid, size })) })
      await writer.put(below.bytes)
      size *= 32
    }
    expect(await judge([nodeOf('deep', { content: { form: 'bytes', root: below.cid, size, count: 0 } })])).toMatchObject({ accepts: true })
  })

  it('stops when it is told to', async () => {
    const root = await snapshot(await all())
    const reason = new Error('enough')
    await expect(world.judge(writer, root, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
}
