import type { Plain } from '../../../src/stream.ts'
import type { Chance } from '../chance.ts'

const MOST_MUTATIONS = 4
const LONGEST_INPUT = 200_000
/** Lengths and counts that programs get wrong. */
const NUMBERS = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
const WORDS = ['', '0', '-1', '\0', '\n', '\t', '\\@', '\\N', '"', "'", '%s', '../', '9'.repeat(40), '{"', '[[[[', '\ud800', 'é', '\u2028', '1e400', 'NaN']

type Mutation = (bytes: Buffer, chance: Chance, others: readonly Uint8Array[]) => Buffer

const MUTATIONS: readonly Mutation[] = [
  (bytes, chance) => changed(bytes, chance, at => { bytes[at]! ^= 1 << chance.below(8) }),
  (bytes, chance) => changed(bytes, chance, at => { bytes[at] = chance.below(256) }),
  (bytes, chance) => changed(bytes, chance, at => { bytes[at] = chance.pick([0, 0x7f, 0x80, 0xff])! }),
  (bytes, chance) => changed(bytes, chance, at => { if (at + 4 <= bytes.length) bytes.writeUInt32LE(chance.pick(NUMBERS)!, at) }),
  (bytes, chance) => changed(bytes, chance, at => { if (at + 4 <= bytes.length) bytes.writeUInt32BE(chance.pick(NUMBERS)!, at) }),
  (bytes, chance) => bytes.subarray(0, chance.below(bytes.length + 1)),
  (bytes, chance) => without(bytes, chance.below(bytes.length + 1), chance.below(64)),
  (bytes, chance) => inserted(bytes, chance.below(bytes.length + 1), chance.bytes(chance.below(32))),
  (bytes, chance) => inserted(bytes, chance.below(bytes.length + 1), Buffer.from(chance.pick(WORDS)!)),
  (bytes, chance) => inserted(bytes, chance.below(bytes.length + 1), sliceOf(bytes, chance)),
  (bytes, chance, others) => inserted(bytes, chance.below(bytes.length + 1), sliceOf(Buffer.from(chance.pick(others)!), chance)),
  (bytes, chance) => Buffer.concat([bytes, Buffer.alloc(chance.below(2_000), chance.below(256))]),
]

/** One of `seeds` with a few bytes changed, gone, doubled or mixed with others. */
export function mutateBytes (seeds: readonly Uint8Array[], chance: Chance): Buffer {
  let bytes: Buffer = Buffer.from(chance.pick(seeds)!)
  for (let left = chance.below(MOST_MUTATIONS + 1); left > 0; left--) bytes = chance.pick(MUTATIONS)!(bytes, chance, seeds).subarray(0, LONGEST_INPUT)
  return bytes
}

/** A value of the same kind of form, with something in it that is not as it was. */
export function mutateValue (value: unknown, chance: Chance, odd: readonly unknown[] = ODD): unknown {
  if (chance.oneIn(6) || typeof value !== 'object' || value === null || value instanceof Uint8Array || 'multihash' in value) return chance.pick(odd)
  if (Array.isArray(value)) {
    const items = [...value as unknown[]]
    const at = chance.below(items.length + 1)
    if (at === items.length || chance.oneIn(4)) items.splice(at, chance.below(3), ...items.slice(0, chance.below(3)))
    else items[at] = mutateValue(items[at], chance, odd)
    return items
  }
  const members = { ...value as Record<string, unknown> }
  const key = chance.pick(Object.keys(members))
  if (key === undefined || chance.oneIn(8)) return { ...members, [chance.pick(WORDS)!]: chance.pick(odd) }
  if (chance.oneIn(5)) delete members[key]
  else members[key] = mutateValue(members[key], chance, odd)
  return members
}

/** `depth` arrays, each in the other, as JSON. */
export function deepJson (depth: number): string {
  return `${'['.repeat(depth)}${']'.repeat(depth)}`
}

/** `depth` arrays, each in the other, as CBOR. */
export function deepCbor (depth: number): Buffer {
  return Buffer.concat([Buffer.alloc(depth, 0x81), Buffer.of(0x80)])
}

const ODD: readonly Plain[] = [null, true, 0, -1, 1.5, 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1, 1e300, '', 'x', '\0', '__proto__', 'x'.repeat(5_000), '9'.repeat(400), [], {}, [[]], [[[[[[[[[[]]]]]]]]]], { a: { b: { c: {} } } }, { length: 5 }, '2026-11-21T00:00:00.000Z', '0'.repeat(32), '0'.repeat(64)]

function changed (bytes: Buffer, chance: Chance, change: (at: number) => void): Buffer {
  if (bytes.length > 0) change(chance.below(bytes.length))
  return bytes
}

function without (bytes: Buffer, start: number, length: number): Buffer {
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + length)])
}

function inserted (bytes: Buffer, at: number, more: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)])
}

function sliceOf (bytes: Buffer, chance: Chance): Buffer {
  const start = chance.below(bytes.length + 1)
  return Buffer.from(bytes.subarray(start, start + chance.below(300)))
}
