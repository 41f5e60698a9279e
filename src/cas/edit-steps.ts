/*
 * (format.md § Edit scripts)
 *   steps                               varint
 *   skip, insert, copy                  varints: one such triple a step
 *   inserted bytes                      a zstd frame; nothing when there are none
 */

/** What becomes of a base, step by step: bytes of it are left out, others are put in, and those that follow in it are taken over. */
export interface Step {
  readonly skip: number
  readonly insert: number
  readonly copy: number
}

export interface Steps {
  readonly steps: readonly Step[]
  /** How many bytes are put in. */
  readonly inserted: number
  /** Length of the steps as they are stored. */
  readonly length: number
}

/** A script has no more. */
export const MOST_STEPS = 65_536
/** So many bits a byte of a varint has, and so many bytes a varint has at most. */
const [VARINT_BITS, VARINT_BYTES] = [7, 4]

export function encodeSteps (steps: readonly Step[]): Uint8Array {
  const numbers = [steps.length, ...steps.flatMap(({ skip, insert, copy }) => [skip, insert, copy])]
  const bytes = Buffer.allocUnsafe(numbers.length * VARINT_BYTES)
  let length = 0
  for (let number of numbers) {
    for (; number >= 1 << VARINT_BITS; number >>>= VARINT_BITS) bytes[length++] = number | 1 << VARINT_BITS
    bytes[length++] = number
  }
  return bytes.subarray(0, length)
}

/** The steps, if they stay within the base and give as many bytes as they should. Throws when not. */
export function decodeSteps (script: Uint8Array, baseLength: number, plain: number): Steps {
  let [length, made, inserted, used] = [0, 0, 0, 0]
  const number = (): number => {
    const { value, end } = decodeVarint(script, length)
    length = end
    return value
  }
  const steps: Step[] = []
  const count = number()
  if (count > MOST_STEPS) throw scriptDamaged(`has ${count} steps`)
  while (steps.length < count) {
    const step = { skip: number(), insert: number(), copy: number() }
    steps.push(step)
    made += step.insert + step.copy
    inserted += step.insert
    used += step.skip + step.copy
    if (used > baseLength || made > plain) throw scriptDamaged('reaches beyond its base or its end')
  }
  if (made !== plain) throw scriptDamaged(`makes ${made} bytes in place of ${plain}`)
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
  throw scriptDamaged('has a number that does not end')
}

/** The error for a script that is not what it should be. */
export function scriptDamaged (why: string): Error {
  return new Error(`the script ${why}`)
}
