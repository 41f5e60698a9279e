/** A protection taken away by one edit, and the test that must notice. */
export interface Mutant {
  /** Number of the guarantee (docs/guarantees.md). */
  readonly guarantee: number
  /** What is taken away. */
  readonly without: string
  readonly file: string
  /** Stands exactly once in the file. */
  readonly from: string
  readonly to: string
  /** The test file that must go red. */
  readonly test: string
  /** Only its tests whose names match. */
  readonly named?: string
}

/** The source without the protection. @throws {Error} when the source has changed and the mutant no longer fits */
export function mutate (source: string, { file, from, to, without }: Mutant): string {
  const parts = source.split(from)
  if (parts.length !== 2) throw new Error(`${file} has the text of "${without}" ${parts.length - 1} times, not once: ${from}`)
  return parts.join(to)
}
