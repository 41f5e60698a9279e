import * as v from 'valibot'
import { BackupError } from '../errors.ts'
import { closed, hexDigits, whole } from '../shape.ts'
import type { ArtifactKind, Recipe } from '../sources/source.ts'
import type { Plain } from '../stream.ts'
import type { CID, EncodedBlock } from './block.ts'
import { decodeBlock, encodeBlock } from './block.ts'
import { Link, PlainObject, Seed, shapeCheck, Text, Texts } from './block-shape.ts'
import { compareIds } from './id-order.ts'
import type { StoredContent } from './stored-content.ts'

/** What was known about the making of an artifact. */
export interface NodeMetadata {
  readonly agentRole: string
  readonly capability: string
  /** Milliseconds. */
  readonly computationTime: number
  readonly designIntent: string
  /** Hashes of the deps, in their order. */
  readonly inputHashes: readonly string[]
  /** Bytes. */
  readonly memoryUsage: number
  /** The node's hash. */
  readonly outputHashes: readonly string[]
  readonly userRequirement: string
  readonly validationResult: { readonly isValid: boolean, readonly errors: readonly string[], readonly warnings: readonly string[] }
}

/** The block that describes one artifact. (format.md § Node) */
export interface NodeBlock {
  readonly kind: 'node'
  readonly v: 1
  readonly id: string
  readonly artifact: ArtifactKind
  readonly attributes: { readonly [key: string]: Plain }
  readonly content: StoredContent
  /** Ids, ascending. */
  readonly deps: readonly string[]
  /** 64 hex digits: equal for equal contents. */
  readonly hash: string
  readonly metadata: NodeMetadata
  readonly recipe?: Recipe
  readonly status: 'completed'
  readonly agentId: string
  readonly traceId: string
}

const ARTIFACTS: readonly ArtifactKind[] = ['pg.database', 'pg.object', 'pg.rows', 'pg.sequence', 'pg.blobs', 'pg.refresh', 'qdrant.collection', 'files', 'matrix', 'agent.output']
const ORDERS = ['integer', 'numeric', 'float', 'bytes', 'boolean', 'timestamp', 'date', 'enum']

const Hash = hexDigits(64)
const Amount = v.pipe(v.number(), v.finite(), v.minValue(0))

const RowMembers = {
  root: Link,
  size: whole,
  count: whole,
  columns: Texts,
  key: v.array(closed({ order: v.picklist(ORDERS), labels: v.exactOptional(Texts) })),
  cut: v.exactOptional(closed({
    bits: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(20)), largest: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(65_536), v.maxValue(8_388_608))), seed: Seed,
  })),
}

const NodeShape = closed({
  kind: v.literal('node'),
  v: v.literal(1),
  id: v.pipe(v.string(), v.nonEmpty(), v.maxLength(4096)),
  artifact: v.picklist(ARTIFACTS),
  attributes: PlainObject,
  content: v.variant('form', [
    closed({ form: v.literal('bytes'), root: Link, size: whole, count: v.literal(0) }),
    closed({ form: v.literal('rows'), ...RowMembers }),
    closed({ form: v.literal('files'), ...RowMembers }),
  ]),
  deps: Texts,
  hash: Hash,
  metadata: closed({
    agentRole: Text,
    capability: Text,
    computationTime: Amount,
    designIntent: Text,
    inputHashes: v.array(Hash),
    memoryUsage: Amount,
    outputHashes: v.array(Hash),
    userRequirement: Text,
    validationResult: closed({ isValid: v.boolean(), errors: Texts, warnings: Texts }),
  }),
  recipe: v.exactOptional(closed({ name: Text, version: whole, parameters: PlainObject })),
  status: v.literal('completed'),
  agentId: Text,
  traceId: Text,
})

const checkShape = shapeCheck<NodeBlock>('node', NodeShape)

/** The node that a decoded block is. @throws {BackupError} `BLOCK_INVALID`, `FORMAT_UNKNOWN` */
export function checkNode (value: unknown, cid?: CID): NodeBlock {
  const node = checkShape(value, cid)
  const invalid = (member: string, what: string): BackupError => new BackupError('BLOCK_INVALID', `node ${node.id}: ${member} ${what}`, { data: { id: node.id, member, cid: cid?.toString() } })
  if (node.deps.some((dep, i) => i > 0 && compareIds(node.deps[i - 1]!, dep) >= 0)) throw invalid('deps', 'must ascend')
  if (node.metadata.inputHashes.length !== node.deps.length) throw invalid('metadata.inputHashes', 'must have one hash a dep')
  const { content } = node
  if (content.form !== 'bytes' && (content.cut === undefined) !== (content.key.length === 0)) throw invalid('content.cut', 'must be there exactly when there is a key')
  return node
}

/** @throws {BackupError} `BLOCK_INVALID` when a member has not the shape it must have. */
export function encodeNode (node: NodeBlock): EncodedBlock {
  return encodeBlock(checkNode(node))
}

/** @throws {BackupError} `BLOCK_INVALID`, `BLOB_CORRUPT`, `FORMAT_UNKNOWN` */
export function decodeNode (bytes: Uint8Array, cid?: CID): NodeBlock {
  return checkNode(decodeBlock(bytes, cid), cid)
}
