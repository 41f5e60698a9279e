/** What comes next in a folder: an entry of it, or all that is inside one of its folders. */
export interface ListingStep {
  readonly act: 'entry' | 'inside'
  readonly name: string
}

/**
 * The names of one folder in the order in which the *full paths* below it ascend.
 *
 * `/` sorts after `.` and `-`: the folder `a` comes before `a.txt`, and `a.txt` before `a/b`. So what is inside a folder
 * has a place of its own, that of the name with a slash; nothing else in the folder begins so, hence it is one run.
 * A folder whose inside is still to come is kept on a stack: whatever comes between `a` and `a/` begins with `a` and a
 * byte below the slash, so its own inside comes before `a/` too, and the top is always the first.
 */
export class FolderListing {
  readonly #names: readonly string[]
  readonly #waiting: string[] = []
  #next = 0

  /** `names` as byte strings (latin1), whose order is that of the bytes. */
  constructor (names: string[]) {
    this.#names = names.sort((one, other) => one < other ? -1 : one > other ? 1 : 0)
  }

  /** The step after the current one; undefined at the end. */
  next (): ListingStep | undefined {
    const waiting = this.#waiting.at(-1)
    const name = this.#names[this.#next]
    if (waiting !== undefined && (name === undefined || `${waiting}/` < name)) {
      this.#waiting.pop()
      return { act: 'inside', name: waiting }
    }
    if (name === undefined) return undefined
    this.#next++
    return { act: 'entry', name }
  }

  /** Says that the entry just given is a folder: its inside comes as a step of its own. */
  enter (name: string): void {
    this.#waiting.push(name)
  }

  /** Names that come soon, for looking them up ahead. */
  ahead (count: number): readonly string[] {
    return this.#names.slice(this.#next, this.#next + count)
  }
}
