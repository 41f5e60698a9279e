/** Places in the memory that worker and watcher share. */
export const CURRENT_INPUT = 0
/** Milliseconds since 1970; 0 between inputs. */
export const STARTED_AT = 1
/** Its number in the list of targets. */
export const CURRENT_TARGET = 2
export const PROGRESS_LENGTH = 3

export interface FuzzOrder {
  readonly seed: number
  /** Number of the first input. */
  readonly first: number
  readonly inputs: number
  /** Name of the only target that gets inputs. */
  readonly only?: string | undefined
  /** For inputs that readers want as files. */
  readonly folder: string
  readonly progress: Float64Array
}

export interface FuzzFinding {
  /** With the seed it makes the same input again. */
  readonly input: number
  readonly target: string
  readonly message: string
}

export type FuzzMessage = { readonly targets: readonly string[] } | { readonly finding: FuzzFinding } | { readonly counts: Readonly<Record<string, number>> }
