/** A guarantee that did not hold. The one thing that torture looks for. */
export class Violation extends Error {
  /** What led to it, in order; enough to do it again together with the seed. */
  readonly steps: readonly string[]

  constructor (message: string, { steps = [], cause }: { readonly steps?: readonly string[], readonly cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'Violation'
    this.steps = steps
  }
}

/** @throws {Violation} unless `holds` */
export function demand (holds: boolean, message: string | (() => string), cause?: unknown): asserts holds {
  if (!holds) throw new Violation(typeof message === 'string' ? message : message(), { cause })
}

/** `error` in one line, for steps and tables. */
export function lineOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? `${String(error.code)}: ` : ''
  return `${code}${error.message}`.replaceAll('\n', ' ').slice(0, 300)
}
