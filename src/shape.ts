import * as v from 'valibot'

/** What a value has to be to count as a `T`; it is taken as it is, with members that the shape does not know. */
export type Shape<T = unknown> = v.GenericSchema<T>
/** What fits a shape. */
export type Shaped<S extends Shape> = v.InferOutput<S>

/** Where a value is not as it should be. */
export interface ShapeProblem {
  /** Names and indices on the way to what is wrong; empty for the whole value. */
  readonly path: readonly string[]
  /** What is wrong, as the end of a sentence. The value itself, which may be a secret, does not appear. */
  readonly text: string
}

export function fits<S extends Shape> (shape: S, value: unknown): value is Shaped<S> {
  return v.is(shape, value)
}

/** The first thing that is wrong with `value`; undefined when it fits. */
export function problemOf (shape: Shape, value: unknown): ShapeProblem | undefined {
  const [issue] = v.safeParse(shape, value, { abortEarly: true }).issues ?? []
  if (issue === undefined) return undefined
  const path = (issue.path ?? []).map(({ key }) => String(key))
  return { path, text: textOf(issue) }
}

function textOf ({ type, expected, received, message }: v.BaseIssue<unknown>): string {
  if (expected === null) return message
  if (type === 'strict_object' && expected === 'never') return 'is no member that it has'
  // A member that is missing is reported by its object, with the member's name.
  if (/^(strict_)?object$|^variant$/.test(type) && received === 'undefined') return 'is missing'
  return `must be ${expected}`
}

/** An object with these members and no others. */
export const closed = v.strictObject

/** A whole number from 0 that a double holds exactly. */
export const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

/** So many lower-case hex digits. */
export function hexDigits (count: number): v.GenericSchema<string> {
  return v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${count}}$`)))
}
