import type { CopiedSpan } from './blob-store.ts'
import { compress, decompress, free } from './zstd.ts'

/*
 * (format.md § Edit scripts)
 *   steps                               varint
 *   skip, insert, copy                  varints: one such triple a step
 *   inserted bytes                      a zstd frame; nothing when there are none
 */

/** What becomes of a base, step by step: bytes of it are left out, others are put in, and those that follow in it are taken over. */
interface Step {
  readonly skip: number
  readonly insert: number
  readonly copy: number
}

interface Script {
  readonly steps: readonly Step[]
  /** How many bytes are put in. */
  readonly inserted: number
  /** Length of the steps as they are stored. */
  readonly length: number
}

/** So many bits a byte of a varint has, and so many bytes a varint has at most. */
const [VARINT_BITS, VARINT_BYTES] = [7, 4]
/** Of scripts that insert more than this share of all, a delta by dictionary is smaller. */
const MOST_INSERTED = 1 / 4
const MOST_STEPS = 65_536

/** How `bytes` are made of `base`, where they are known to agree; undefined when that does not hold, or not for enough of them. */
export function encodeScript (bytes: Uint8Array, base: Uint8Array, copies: readonly CopiedSpan[]): Uint8Array | undefined {
  const steps = stepsOf(bytes, base, copies)
  if (steps === undefined || steps.length > MOST_STEPS) return undefined
  const inserted = steps.reduce((sum, { insert }) => sum + insert, 0)
  if (inserted > bytes.length * MOST_INSERTED) return undefined
  const head = encodeSteps(steps)
  if (inserted === 0) return head
  const frame = compress(insertedOf(steps, bytes), { dictionary: skippedOf(steps, base) })
  const script = Buffer.concat([head, frame])
  free(frame)
  return script
}

/**
 * The `plain` bytes that a script makes of `base`; as for `decompress`. Throws when it is damaged, or would give another number of them: nothing is made of it
 * before all its steps were looked at.
 */
export function applyScript (script: Uint8Array, base: Uint8Array, plain: number): Uint8Array {
  const { steps, inserted, length } = decodeSteps(script, base.length, plain)
  const frame = script.subarray(length)
  if (inserted === 0 && frame.length > 0) throw damaged('goes on after its end')
  const text = inserted === 0 ? frame : decompress(frame, inserted, { dictionary: skippedOf(steps, base) })
  if (text.length !== inserted) throw damaged(`inserts ${text.length} bytes in place of ${inserted}`)
  const bytes = Buffer.allocUnsafeSlow(plain)
  const [old, added] = [bufferOf(base), bufferOf(text)]
  let at = 0, from = 0, taken = 0
  for (const { skip, insert, copy } of steps) {
    if (insert > 0) added.copy(bytes, at, taken, taken + insert)
    if (copy > 0) old.copy(bytes, at + insert, from + skip, from + skip + copy)
    at += insert + copy
    from += skip + copy
    taken += insert
  }
  if (inserted > 0) free(text)
  return bytes
}

function stepsOf (bytes: Uint8Array, base: Uint8Array, copies: readonly CopiedSpan[]): Step[] | undefined {
  const steps: Step[] = []
  let [at, from] = [0, 0]
  for (const copy of copies) {
    if (copy.at < at || copy.from < from || !isCopy(bytes, base, copy)) return undefined
    steps.push({ skip: copy.from - from, insert: copy.at - at, copy: copy.length })
    at = copy.at + copy.length
    from = copy.from + copy.length
  }
  if (at < bytes.length) steps.push({ skip: base.length - from, insert: bytes.length - at, copy: 0 })
  return steps
}

function isCopy (bytes: Uint8Array, base: Uint8Array, { at, from, length }: CopiedSpan): boolean {
  return Buffer.compare(bytes.subarray(at, at + length), base.subarray(from, from + length)) === 0
}

function insertedOf (steps: readonly Step[], bytes: Uint8Array): Buffer {
  const spans: Span[] = []
  let at = 0
  for (const { insert, copy } of steps) {
    if (insert > 0) spans.push({ start: at, end: at + insert })
    at += insert + copy
  }
  return gather(bytes, spans)
}

/** What the inserted bytes stand in place of, which is the dictionary of their frame. */
function skippedOf (steps: readonly Step[], base: Uint8Array): Buffer | undefined {
  const spans: Span[] = []
  let from = 0
  for (const { skip, insert, copy } of steps) {
    if (skip > 0 && insert > 0) spans.push({ start: from, end: from + skip })
    from += skip + copy
  }
  return spans.length === 0 ? undefined : gather(base, spans)
}

interface Span {
  readonly start: number
  readonly end: number
}

/** Those bytes of the source, one after the other. */
function gather (source: Uint8Array, spans: readonly Span[]): Buffer {
  const buffer = bufferOf(source)
  const bytes = Buffer.allocUnsafe(spans.reduce((sum, { start, end }) => sum + end - start, 0))
  let at = 0
  for (const { start, end } of spans) at += buffer.copy(bytes, at, start, end)
  return bytes
}

/** The same memory: `copy` takes from shared memory too, without an array for each piece. */
function bufferOf ({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}

function encodeSteps (steps: readonly Step[]): Uint8Array {
  const numbers = [steps.length, ...steps.flatMap(({ skip, insert, copy }) => [skip, insert, copy])]
  const bytes = Buffer.allocUnsafe(numbers.length * VARINT_BYTES)
  let length = 0
  for (let number of numbers) {
    for (; number >= 1 << VARINT_BITS; number >>>= VARINT_BITS) bytes[length++] = number | 1 << VARINT_BITS
    bytes[length++] = number
  }
  return bytes.subarray(0, length)
}

/** The steps, if they stay within the base and give as many bytes as they should. */
function decodeSteps (script: Uint8Array, baseLength: number, plain: number): Script {
  let [length, made, inserted, used] = [0, 0, 0, 0]
  const number = (): number => {
    const { value, end } = decodeVarint(script, length)
    length = end
    return value
  }
  const steps: Step[] = []
  const count = number()
  if (count > MOST_STEPS) throw damaged(`has ${count} steps`)
  while (steps.length < count) {
    const step = { skip: number(), insert: number(), copy: number() }
    steps.push(step)
    made += step.insert + step.copy
    inserted += step.insert
    used += step.skip + step.copy
    if (used > baseLength || made > plain) throw damaged('reaches beyond its base or its end')
  }
  if (made !== plain) throw damaged(`makes ${made} bytes in place of ${plain}`)
  return { steps, inserted, length }
}

function decodeVarint (bytes: Uint8Array, start: number): { readonly value: number, readonly end: number } {
  let value = 0
  for (let i = 0; i < VARINT_BYTES; i++) {
    const byte = bytes[start + i]
    if (byte === undefined) break
    value |= (byte & (1 << VARINT_BITS) - 1) << i * VARINT_BITS
    if (byte < 1 << VARINT_BITS) return { value, end: start + i + 1 }
  }
  throw damaged('has a number that does not end')
}

function damaged (why: string): Error {
  return new Error(`the script ${why}`)
}
