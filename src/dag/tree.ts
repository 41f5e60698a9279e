import { BackupError } from '../errors.ts'
import type { EncodedBlock } from './block.ts'
import { checkHash, CID, decodeBlock, encodeBlock, isChunk } from './block.ts'
import type { LeafEntry } from './leaf-scan.ts'
import { MOST_ENTRIES, scanLeaf } from './leaf-scan.ts'
import type { Links } from './links.ts'

export type TreeForm = 'bytes' | 'rows' | 'map'

/** One link of a tree. (format.md § Tree) */
export interface TreeEntry {
  readonly link: CID
  /** Plain bytes below. */
  readonly size: number
  /** Rows or nodes below; absent in `bytes` trees. */
  readonly count?: number | undefined
  /** First key below, a map's id, or the label of a tar's chunk. */
  readonly key?: Uint8Array | undefined
  /** Values out of line in this chunk of rows. */
  readonly refs?: Links | undefined
}

export interface TreeBlock {
  readonly form: TreeForm
  /** 0 when the entries link to chunks or nodes. */
  readonly level: number
  readonly entries: readonly TreeEntry[]
  readonly size: number
  readonly count: number
}

/** A tree that is deeper cannot come from the cut rule. */
const DEEPEST = 64

export function encodeTree ({ form, level, entries }: Pick<TreeBlock, 'form' | 'level' | 'entries'>): EncodedBlock {
  const { count, size } = sumOf(entries)
  return encodeBlock({ count, entries: entries.map(plainEntry), form, kind: 'tree', level, size, v: 1 })
}

/** Rows or nodes, and plain bytes, below the entries. */
export function sumOf (entries: readonly TreeEntry[]): { readonly count: number, readonly size: number } {
  let count = 0, size = 0
  for (const entry of entries) {
    count += entry.count ?? 0
    size += entry.size
  }
  return { count, size }
}

function plainEntry ({ link, size, count, key, refs }: TreeEntry): Record<string, unknown> {
  return {
    l: link,
    s: size,
    ...(count === undefined ? {} : { n: count }),
    ...(key === undefined ? {} : { k: key }),
    ...(refs === undefined || refs.length === 0 ? {} : { r: [...refs] }),
  }
}

/** @throws {BackupError} `BLOCK_INVALID` when the block is not canonical, `TREE_INVALID` when it is no tree as the format says. */
export function decodeTree (bytes: Uint8Array, cid: CID): TreeBlock {
  const leaf = scanLeaf(bytes)
  if (leaf === undefined) return checkTree(decodeBlock(bytes, cid), cid)
  checkHash(bytes, cid)
  return { ...leaf, entries: leaf.entries.map(entryOf) }
}

function entryOf ({ link, size, count, key, refs }: LeafEntry): TreeEntry {
  return { link: link.at(0), size, count, key, ...(refs === undefined ? {} : { refs }) }
}

/** The tree that a decoded block is. @throws {BackupError} `TREE_INVALID`, `FORMAT_UNKNOWN` */
export function checkTree (value: unknown, cid: CID): TreeBlock {
  const invalid = (what: string): BackupError => new BackupError('TREE_INVALID', `tree ${cid}: ${what}`, { data: { cid: cid.toString() } })
  if (!isRecord(value) || value['kind'] !== 'tree') throw invalid('is no tree')
  const { count, entries, form, level, size, v, kind: _, ...unknown } = value
  if (typeof v === 'number' && v > 1) throw new BackupError('FORMAT_UNKNOWN', `tree ${cid} has version ${v}; this program knows 1`, { data: { cid: cid.toString(), v } })
  if (v !== 1) throw invalid('has no version')
  if (Object.keys(unknown).length > 0) throw invalid(`has unknown members ${Object.keys(unknown).join(', ')}`)
  if (form !== 'bytes' && form !== 'rows' && form !== 'map') throw invalid(`has the unknown form ${String(form)}`)
  if (!isWhole(level) || level > DEEPEST) throw invalid(`has the level ${String(level)}`)
  if (!Array.isArray(entries) || entries.length > MOST_ENTRIES) throw invalid('has no entries or too many')
  if (entries.length === 0 && level > 0) throw invalid('has no entries, which only a whole content may')
  const checked = entries.map((entry, index) => checkEntry(entry, form, level, what => invalid(`entry ${index} ${what}`)))
  if (form === 'map') checkAscending(checked, invalid)
  const sum = sumOf(checked)
  if (sum.count !== count || sum.size !== size) throw invalid(`its entries have ${sum.size} bytes and count ${sum.count}, it says ${String(size)} and ${String(count)}`)
  return { form, level, entries: checked, size, count }
}

/** What is known about a tree from what links to it. */
export interface TreeExpectation {
  readonly form: TreeForm
  readonly level?: number
  readonly size?: number
  readonly count?: number
  readonly key?: Uint8Array | undefined
}

/** What the entry `above`, of a block of that form and level, says about the tree below it. */
export function expectedBelow ({ form, level }: Pick<TreeBlock, 'form' | 'level'>, { size, count = 0, key }: TreeEntry): TreeExpectation {
  return { form, level: level - 1, size, count, key }
}

/** @throws {BackupError} `TREE_INVALID` when the tree is another than the link to it says. */
export function checkExpectation (block: Omit<TreeBlock, 'entries'> & { readonly entries: readonly Pick<TreeEntry, 'key'>[] }, cid: CID, { form, level, size, count, key }: TreeExpectation): void {
  const first = block.entries[0]?.key
  const fits = block.form === form
    && (level === undefined || (block.level === level && Buffer.compare(first ?? NONE, key ?? NONE) === 0))
    && (size === undefined || block.size === size) && (count === undefined || block.count === count)
  if (!fits) throw new BackupError('TREE_INVALID', `tree ${cid} has not the form, level, sizes or first key that the link to it says`, { data: { cid: cid.toString(), expected: { form, level, size, count } } })
}

function checkEntry (entry: unknown, form: TreeForm, level: number, invalid: (what: string) => BackupError): TreeEntry {
  if (!isRecord(entry)) throw invalid('is no map')
  const { k: key, l, n: count, r: refs, s: size, ...unknown } = entry
  if (Object.keys(unknown).length > 0) throw invalid(`has unknown members ${Object.keys(unknown).join(', ')}`)
  const link = CID.asCID(l)
  if (link === null) throw invalid('has no link')
  if (isChunk(link) !== (level === 0 && form !== 'map')) throw invalid(`links to a ${isChunk(link) ? 'chunk' : 'block'} where the other is expected`)
  if (!isWhole(size)) throw invalid('has no size')
  if ((form === 'bytes') !== (count === undefined) || (count !== undefined && !isWhole(count))) throw invalid(`has the count ${String(count)}`)
  if (key !== undefined && !(key instanceof Uint8Array)) throw invalid('has a key that is not bytes')
  if (form === 'map' && key === undefined) throw invalid('has no id')
  if (refs === undefined) return { link, size, count, key }
  if (form !== 'rows' || level > 0 || !Array.isArray(refs) || refs.length === 0) throw invalid('must not have values out of line')
  return { link, size, count, key, refs: refs.map(ref => CID.asCID(ref) ?? raise(invalid('has a value out of line that is no link'))) }
}

function checkAscending (entries: readonly TreeEntry[], invalid: (what: string) => BackupError): void {
  for (let i = 1; i < entries.length; i++) {
    if (Buffer.compare(entries[i - 1]!.key!, entries[i]!.key!) >= 0) throw invalid(`entry ${i} has an id that does not ascend`)
  }
}

function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && CID.asCID(value) === null
}

function isWhole (value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function raise (error: Error): never {
  throw error
}

const NONE = new Uint8Array(0)
