const SHOWN = 5

/** What is worth knowing about a tree, in a bounded number of sentences. */
export class TreeNotes {
  readonly #skipped = new Map<string, { readonly paths: string[], count: number }>()
  #change: string | undefined

  /** A thing that cannot be stored; `what` is its kind, as in "1 <what>". */
  skipped (path: string, what: string): void {
    const group = this.#skipped.get(what) ?? { paths: [], count: 0 }
    this.#skipped.set(what, group)
    if (group.count++ < SHOWN) group.paths.push(JSON.stringify(path))
  }

  /** A thing that was removed while the tree was read. */
  gone (path: string): void {
    this.#change ??= `Entries were removed while the folder was read (${JSON.stringify(path)} among them).`
  }

  changed (before: number, after: number): void {
    this.#change ??= `Entries changed while the folder was read: ${before} were read, there were ${after} afterwards.`
  }

  sentences (): readonly string[] {
    const skipped = [...this.#skipped].map(([what, { paths, count }]) =>
      `Left out ${count} ${what}${count === 1 ? '' : 's'}: ${paths.join(', ')}${count > paths.length ? ' and others' : ''}.`)
    return this.#change === undefined ? skipped : [...skipped, this.#change]
  }
}
