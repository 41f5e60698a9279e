import type { CopiedSpan } from './blob-store.ts'
import { decodeSteps, encodeSteps, MOST_STEPS, scriptDamaged } from './edit-steps.ts'
import type { Step } from './edit-steps.ts'
import { compress, decompress, free } from './zstd.ts'

/** Of scripts that insert more than this share of all, a delta by dictionary is smaller. */
const MOST_INSERTED = 1 / 4

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
  if (inserted === 0 && frame.length > 0) throw scriptDamaged('goes on after its end')
  const text = inserted === 0 ? frame : decompress(frame, inserted, { dictionary: skippedOf(steps, base) })
  if (text.length !== inserted) throw scriptDamaged(`inserts ${text.length} bytes in place of ${inserted}`)
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
  const isWithin = at + length <= bytes.length && from + length <= base.length
  return isWithin && Buffer.compare(bytes.subarray(at, at + length), base.subarray(from, from + length)) === 0
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
