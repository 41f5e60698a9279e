import { hash } from 'node:crypto'
import type { CutSizes } from '../../src/chunking/byte-cutter.ts'
import type { CID } from '../../src/dag/block.ts'
import { storeContent } from '../../src/dag/content.ts'
import type { StoredContent } from '../../src/dag/content.ts'
import type { NodeBlock } from '../../src/dag/node.ts'
import { encodeNode } from '../../src/dag/node.ts'
import { compareIds, writeNodeMap } from '../../src/dag/node-map.ts'
import { encodeSnapshot } from '../../src/dag/snapshot.ts'
import type { Artifact, Content, FileEntry, KeyColumn } from '../../src/sources/source.ts'
import { bytesOf } from '../../src/stream.ts'
import { MemoryBlobs } from './memory-blobs.ts'

/** Small chunks, so that small contents have trees of more than one level. */
export const SMALL: CutSizes = { min: 256, average: 1_024, max: 4_096 }

const SEED = Buffer.alloc(16, 7)

export interface BuildOptions {
  readonly chunker?: CutSizes
  readonly seed?: Uint8Array
  readonly blobs?: MemoryBlobs
  /** Makes a node's hash wrong. */
  readonly falsify?: (id: string, hash: string) => string
}

export interface BuiltSnapshot {
  readonly root: CID
  readonly blobs: MemoryBlobs
}

/** A snapshot of these artifacts, stored as the engine stores one. */
export async function buildSnapshot (artifacts: Iterable<Artifact> | AsyncIterable<Artifact>, { chunker = SMALL, seed = SEED, blobs = new MemoryBlobs(), falsify = (_, right) => right }: BuildOptions = {}): Promise<BuiltSnapshot> {
  const stored = new Map<string, { readonly one: Artifact, readonly content: StoredContent, readonly hash: string }>()
  for await (const one of artifacts) {
    const { content, hash: rightHash } = await storeContent(one.content, { blobs, seed, chunker })
    stored.set(one.id, { one, content, hash: falsify(one.id, rightHash) })
  }
  const nodes: [string, CID][] = []
  for (const [id, { one, content, hash: contentHash }] of stored) {
    const { cid, bytes } = encodeNode(nodeOf(one, content, { hash: contentHash, inputHashes: one.deps.map(dep => stored.get(dep)?.hash ?? '0'.repeat(64)) }))
    await blobs.put(bytes)
    nodes.push([id, cid])
  }
  return { root: await snapshotOf(nodes, { seed, blobs }), blobs }
}

export function nodeOf (
  { id, kind, deps, attributes }: Pick<Artifact, 'id' | 'kind' | 'deps' | 'attributes'>, content: StoredContent,
  { hash: contentHash, inputHashes = [] }: { readonly hash: string, readonly inputHashes?: readonly string[] },
): NodeBlock {
  return {
    kind: 'node', v: 1, id, artifact: kind, attributes, content, deps: [...deps].sort(compareIds), hash: contentHash, status: 'completed', agentId: 'tester', traceId: 'trace',
    metadata: {
      agentRole: '', capability: '', computationTime: 1, designIntent: '', inputHashes, memoryUsage: 1, outputHashes: [contentHash], userRequirement: '',
      validationResult: { isValid: true, errors: [], warnings: [] },
    },
  }
}

/** The root of a snapshot of these nodes. */
export async function snapshotOf (nodes: readonly (readonly [id: string, cid: CID])[], { seed = SEED, blobs }: { readonly seed?: Uint8Array, readonly blobs: MemoryBlobs }): Promise<CID> {
  const map = await writeNodeMap(nodes.toSorted(([a], [b]) => compareIds(a, b)), { seed, blobs })
  const { cid, bytes } = encodeSnapshot({
    kind: 'snapshot', v: 1, id: '0123456789abcdef0123456789abcdef', created: '2026-11-21T08:00:00.000Z', description: 'A sample “snapshot”', generator: 'caf test',
    nodes: map, parents: [], project: 'sample', sources: [], tags: ['one', 'two'], traceId: 'trace',
  })
  await blobs.put(bytes)
  return cid
}

export function artifact (id: string, kind: Artifact['kind'], content: Content, more: Partial<Pick<Artifact, 'deps' | 'attributes'>> = {}): Artifact {
  return { id, kind, deps: [], attributes: {}, content, ...more }
}

export function bytesContent (bytes: Uint8Array | string): Content {
  return { form: 'bytes', read: () => bytesOf(bytes) }
}

export function rowsContent (text: string, columns: readonly string[], key: readonly KeyColumn[] = []): Content {
  return { form: 'rows', layout: { columns, key }, read: () => inPieces(Buffer.from(text)) }
}

export interface SampleFile extends Partial<Omit<FileEntry, 'read'>> {
  readonly path: string
  readonly bytes?: Uint8Array | string
}

export function filesContent (files: readonly SampleFile[]): Content {
  const entries = files.map((file): FileEntry => {
    const { bytes, ...entry } = file
    const all = { type: bytes === undefined ? 'directory' as const : 'file' as const, mode: 0o644, mtimeNs: 1_700_000_000_123_456_789n, uid: 1000, gid: 1000, sizeBytes: Buffer.byteLength(bytes ?? ''), ...entry }
    return bytes === undefined ? all : { ...all, read: () => bytesOf(bytes) }
  })
  entries.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  return { form: 'files', async *entries () { yield * entries } }
}

/** The same bytes for the same seed. */
export function noise (seed: string, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let i = 0; i * 32 < length; i++) blocks.push(Buffer.from(hash('sha256', `${seed} ${i}`, 'hex'), 'hex'))
  return Buffer.concat(blocks).subarray(0, length)
}

async function * inPieces (bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 5_000) yield bytes.subarray(start, start + 5_000)
}

const INTEGER: KeyColumn = { order: 'integer' }
const table = (id: string, name: string, rows: string, columns: readonly string[], key: readonly KeyColumn[] = []): Artifact =>
  artifact(id, 'pg.rows', rowsContent(rows, columns, key), { attributes: { schema: 'public', table: name, columns: [...columns] }, deps: ['main/object/TABLE public.people'] })
const lines = (count: number, line: (i: number) => string): string => Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('')

/** One of every kind, with names, lengths and repeats that are hard on an archive. */
export function sampleArtifacts (): Artifact[] {
  const longText = noise('long', 50_000).toString('hex')
  const otherText = noise('other', 120_000).toString('hex')
  return [
    artifact('main/database', 'pg.database', bytesContent(JSON.stringify({
      name: 'app', encoding: 'UTF8', serverVersion: '18.4', roles: [{ name: 'app_owner', attributes: {} }], extensions: [{ name: 'pg_trgm', version: '1.6', schema: 'public' }],
      order: ['main/object/TYPE public.mood', 'main/object/SCHEMA app', 'main/object/TABLE public.people', 'main/object/INDEX public.people_name'],
    }))),
    artifact('main/object/SCHEMA app', 'pg.object', bytesContent('CREATE SCHEMA app;\n'), { attributes: { type: 'SCHEMA', tag: 'app', section: 'pre-data' } }),
    artifact('main/object/TYPE public.mood', 'pg.object', bytesContent("CREATE TYPE public.mood AS ENUM ('calm');\n"), { attributes: { type: 'TYPE', tag: 'mood', section: 'pre-data' } }),
    artifact('main/object/TABLE public.people', 'pg.object', bytesContent('CREATE TABLE public.people (\n    id integer NOT NULL,\n    name text\n);\n'), { attributes: { type: 'TABLE', tag: 'people', section: 'pre-data' }, deps: ['main/object/SCHEMA app'] }),
    artifact('main/object/INDEX public.people_name', 'pg.object', bytesContent('CREATE INDEX people_name ON public.people (name);\n'), { attributes: { type: 'INDEX', tag: 'people_name', section: 'post-data' }, deps: ['main/object/TABLE public.people'] }),
    table('main/rows/public.people', 'people', lines(3_000, i => `${i}\tperson ${i} ${'é\\t'.repeat(i % 7)}`), ['id', 'name'], [INTEGER]),
    table('main/rows/public."People"', 'People', '', ['id'], [INTEGER]),
    table('main/rows/public.log', 'log', lines(2_000, i => `${i % 11}\t\\N`), ['kind', 'text']),
    table('main/rows/public.documents', 'documents', lines(40, i => `${i}\t${i % 5 === 0 ? longText : i % 7 === 0 ? otherText : i % 9 === 0 ? `${longText}${i}` : `short ${i}`}`), ['id', 'body'], [INTEGER]),
    table('main/rows/public.wide', 'wide', `1\t${Array.from({ length: 60 }, (_, i) => noise(`wide ${i}`, 15_000).toString('hex')).join('\t')}\n`, ['id', ...Array.from({ length: 60 }, (_, i) => `c${i}`)]),
    artifact('main/sequence/public.people_id_seq', 'pg.sequence', bytesContent('{"isCalled":true,"lastValue":"2999"}'), { attributes: { schema: 'public', name: 'people_id_seq' } }),
    artifact('main/blobs', 'pg.blobs', rowsContent(lines(20, i => `16400\t${i}\t\\\\x${noise(`page ${i}`, 2_048).toString('hex')}`), ['loid', 'page', 'data'], [INTEGER, INTEGER])),
    artifact('main/blobs-owners', 'pg.blobs', rowsContent('16400\tapp_owner\t\\N\n', ['loid', 'owner', 'acl'], [INTEGER])),
    artifact('main/refresh/public.totals', 'pg.refresh', bytesContent('REFRESH MATERIALIZED VIEW public.totals;\n'), { attributes: { schema: 'public', view: 'totals' }, deps: ['main/rows/public.people'] }),
    artifact('mind/collection/memories', 'qdrant.collection', bytesContent(noise('vectors', 30_000)), { attributes: { collection: 'memories', points: 250 } }),
    artifact('pca/matrix/basis', 'matrix', bytesContent(noise('matrix', 9_000)), { attributes: { name: 'basis' } }),
    artifact('agents/output/Plan: "ü/1"', 'agent.output', bytesContent('{"answer":42}'), { attributes: { output: 'Plan: "ü/1"' } }),
    artifact('agents/output/plan', 'agent.output', bytesContent('""'), { attributes: { output: 'plan' } }),
    artifact('agents/output/Plan', 'agent.output', bytesContent('null'), { attributes: { output: 'Plan' } }),
    artifact('files/tree', 'files', filesContent([
      { path: 'docs' },
      { path: 'docs/README', bytes: 'read me' },
      { path: 'docs/readme', bytes: 'READ ME' },
      { path: 'docs/empty', bytes: '' },
      { path: 'docs/100%\\odd\nname', bytes: noise('odd', 5_000) },
      { path: 'docs/copy of odd', bytes: noise('odd', 5_000) },
      { path: 'Docs' },
      { path: 'Docs/README', bytes: 'other' },
      { path: 'docs/link', type: 'symlink', target: '../../etc/passwd' },
      { path: 'docs/same', type: 'hardlink', target: 'docs/README' },
      { path: 'zero.jpg', bytes: noise('picture', 20_000) },
      ...Array.from({ length: 300 }, (_, i) => ({ path: `many/${i}.txt`, bytes: `file ${i % 20}` })),
    ])),
  ]
}
