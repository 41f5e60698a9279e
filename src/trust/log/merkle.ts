import { hash } from 'node:crypto'
import { BackupError } from '../../errors.ts'

/** A complete subtree: the 2^level leaves from number index · 2^level on. */
export interface Subtree {
  readonly level: number
  readonly index: number
}

/** Gives the hashes of complete subtrees, 32 bytes each, in the order asked: all that roots and proofs are made of. */
export type HashReader = (subtrees: readonly Subtree[]) => Promise<readonly Uint8Array[]>

/** Leaves from `begin` up to, without, `end`. */
type Range = readonly [begin: number, end: number]

/** Root of a tree without leaves. */
export const EMPTY_ROOT: Uint8Array = hash('sha256', '', 'buffer')

/** The hash of a leaf's bytes (RFC 6962, 2.1). */
export function leafHash (leaf: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([Buffer.of(0), leaf]), 'buffer')
}

/** The hash of two neighbours (RFC 6962, 2.1). */
export function nodeHash (left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([Buffer.of(1), left, right]), 'buffer')
}

/** Root of the tree's first `size` leaves. */
export async function rootOf (size: number, read: HashReader): Promise<Uint8Array> {
  if (size === 0) return EMPTY_ROOT
  const [root] = await hashRanges([[0, size]], read)
  return root!
}

/** Audit path of leaf `index` in the tree of `size` leaves, from the leaf's sibling upwards. @throws {BackupError} `INVALID_OPTION` for an index outside */
export async function proveInclusion (index: number, size: number, read: HashReader): Promise<readonly Uint8Array[]> {
  if (!isSize(size) || !isSize(index) || index >= size) throw new BackupError('INVALID_OPTION', `a log of ${size} leaves has no leaf ${index}`, { data: { index, size } })
  return await hashRanges(inclusionRanges(index, [0, size]), read)
}

/** Proof that the tree of `to` leaves extends the one of `from` leaves. @throws {BackupError} `INVALID_OPTION` unless 0 ≤ from ≤ to */
export async function proveConsistency (from: number, to: number, read: HashReader): Promise<readonly Uint8Array[]> {
  if (!isSize(from) || !isSize(to) || from > to) throw new BackupError('INVALID_OPTION', `a log of ${to} leaves cannot extend one of ${from}`, { data: { from, to } })
  return from === 0 || from === to ? [] : await hashRanges(consistencyRanges(from, [0, to], true), read)
}

export interface InclusionClaim {
  readonly index: number
  readonly size: number
  /** As {@link leafHash} gives it. */
  readonly hash: Uint8Array
  readonly root: Uint8Array
}

/** True if `path` proves the claim (RFC 9162, 2.1.3.2). */
export function verifyInclusion ({ index, size, hash, root }: InclusionClaim, path: readonly Uint8Array[]): boolean {
  if (!isSize(size) || !isSize(index) || index >= size || ![hash, root, ...path].every(isHash)) return false
  const climb = new Climb(index, size - 1)
  let node = hash
  for (const sibling of path) {
    if (climb.atRoot) return false
    node = climb.step() === 'left' ? nodeHash(sibling, node) : nodeHash(node, sibling)
  }
  return climb.atRoot && equal(node, root)
}

export interface TreeHead {
  readonly size: number
  readonly root: Uint8Array
}

/** True if `proof` shows that `newer` extends `older` (RFC 9162, 2.1.4.2). Every tree extends the empty one, which needs no proof. */
export function verifyConsistency (older: TreeHead, newer: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (!isSize(older.size) || !isSize(newer.size) || older.size > newer.size || ![older.root, newer.root, ...proof].every(isHash)) return false
  if (older.size === newer.size) return proof.length === 0 && equal(older.root, newer.root)
  if (older.size === 0) return proof.length === 0 && equal(older.root, EMPTY_ROOT)
  const [first, ...rest] = isPowerOfTwo(older.size) ? [older.root, ...proof] : proof
  if (first === undefined) return false
  const climb = new Climb(older.size - 1, newer.size - 1)
  climb.skipRightEdges()
  let [oldNode, newNode] = [first, first]
  for (const sibling of rest) {
    if (climb.atRoot) return false
    if (climb.step() === 'left') [oldNode, newNode] = [nodeHash(sibling, oldNode), nodeHash(sibling, newNode)]
    else newNode = nodeHash(newNode, sibling)
  }
  return climb.atRoot && equal(oldNode, older.root) && equal(newNode, newer.root)
}

/** The way from a leaf to the root of a tree whose last leaf is `last`. Numbers, not bit operations: those end at 2^31. */
class Climb {
  #position: number
  #last: number

  constructor (position: number, last: number) {
    this.#position = position
    this.#last = last
  }

  get atRoot (): boolean {
    return this.#last === 0
  }

  /** Goes up to the next node with a sibling; says on which side that is. */
  step (): 'left' | 'right' {
    const left = this.#position % 2 === 1 || this.#position === this.#last
    if (left) while (this.#position % 2 === 0 && this.#position !== 0) this.#up()
    this.#up()
    return left ? 'left' : 'right'
  }

  /** Goes up as long as it is a right child: those nodes are complete in the older tree. */
  skipRightEdges (): void {
    while (this.#position % 2 === 1) this.#up()
  }

  #up (): void {
    this.#position = Math.floor(this.#position / 2)
    this.#last = Math.floor(this.#last / 2)
  }
}

function inclusionRanges (index: number, [begin, end]: Range): Range[] {
  if (end - begin === 1) return []
  const middle = begin + splitOf(end - begin)
  return index < middle
    ? [...inclusionRanges(index, [begin, middle]), [middle, end]]
    : [...inclusionRanges(index, [middle, end]), [begin, middle]]
}

/** `known`: the verifier has the older root, which is this range's. (RFC 6962, 2.1.2: SUBPROOF) */
function consistencyRanges (from: number, [begin, end]: Range, known: boolean): Range[] {
  if (from === end) return known ? [] : [[begin, end]]
  const middle = begin + splitOf(end - begin)
  return from <= middle
    ? [...consistencyRanges(from, [begin, middle], known), [middle, end]]
    : [...consistencyRanges(from, [middle, end], false), [begin, middle]]
}

/** Hash of each range, with one call of the reader for all of them. */
async function hashRanges (ranges: readonly Range[], read: HashReader): Promise<Uint8Array[]> {
  const parts = ranges.map(subtreesOf)
  const hashes = await read(parts.flat())
  let next = 0
  return parts.map(({ length }) => {
    const own = hashes.slice(next, next += length)
    return own.reduceRight((right, left) => nodeHash(left, right))
  })
}

/** The complete subtrees that a range consists of, the largest first. `begin` is a multiple of the largest power of two that fits in the range. */
function subtreesOf ([begin, end]: Range): Subtree[] {
  const found: Subtree[] = []
  for (let at = begin; at < end;) {
    const level = Math.floor(Math.log2(end - at))
    found.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return found
}

/** The largest power of two below `length`, which is at least 2. */
function splitOf (length: number): number {
  return 2 ** Math.floor(Math.log2(length - 1))
}

function isPowerOfTwo (size: number): boolean {
  return Number.isInteger(Math.log2(size))
}

function isSize (size: number): boolean {
  return Number.isSafeInteger(size) && size >= 0 && size <= MAX_SIZE
}

function isHash (bytes: Uint8Array): boolean {
  return bytes.length === 32
}

function equal (one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

/** Up to here Math.log2 of a whole number has an exact floor. */
const MAX_SIZE = 2 ** 47
