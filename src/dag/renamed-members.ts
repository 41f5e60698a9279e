/** A name that is made anew whenever what it names is written anew: an UUID. */
const RANDOM_NAME = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/

/**
 * Finds again what stands under another random name now, as a segment of Qdrant does after each rebuild: for a member that was not
 * there, it takes the one of nearest size that is alike in the rest of its path, each once.
 */
export class RenamedMembers {
  /** Bytes below each random name of the earlier stream. */
  readonly #earlier = new Map<string, number>()
  /** Those of them that were found again. */
  readonly #found = new Set<string>()
  /** Names now → names then. */
  readonly #renamed = new Map<string, string>()

  /** Takes note of an earlier chunk. */
  remember (label: string, size: number): void {
    const name = nameIn(label)
    if (name !== undefined) this.#earlier.set(name, (this.#earlier.get(name) ?? 0) + size)
  }

  /** Takes note that this label is there now as before. */
  keep (label: string): void {
    const name = nameIn(label)
    if (name !== undefined) this.#found.add(name)
  }

  /** The label that had the place of this one; `isThere` tells labels of the earlier stream. */
  earlierLabel (label: string, memberBytes: number | undefined, isThere: (label: string) => boolean): string | undefined {
    const name = nameIn(label)
    if (name === undefined) return undefined
    if (!this.#renamed.has(name) && memberBytes !== undefined) this.#choose(name, memberBytes, candidate => isThere(label.replace(name, candidate)))
    const renamed = this.#renamed.get(name)
    return renamed === undefined ? undefined : label.replace(name, renamed)
  }

  #choose (name: string, memberBytes: number, isAlike: (candidate: string) => boolean): void {
    const distance = (candidate: string): number => Math.abs(this.#earlier.get(candidate)! - memberBytes)
    const [nearest] = [...this.#earlier.keys()].filter(candidate => !this.#found.has(candidate) && isAlike(candidate)).sort((a, b) => distance(a) - distance(b))
    if (nearest === undefined) return
    this.#renamed.set(name, nearest)
    this.#found.add(nearest)
  }
}

function nameIn (label: string): string | undefined {
  return RANDOM_NAME.exec(label)?.[0]
}
