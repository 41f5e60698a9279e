import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { FileEntry, PrepareOptions, Problem, RestoreItem, Restorer } from '../source.ts'
import { DiskPlace } from './disk-place.ts'
import { firstDifference } from './compare-entries.ts'
import { holdsTree } from './holds-tree.ts'
import { OpenFiles } from './open-files.ts'
import { Ownership } from './ownership.ts'
import type { Owners } from './ownership.ts'
import { placeEntries } from './place-entries.ts'
import type { RestoreMarker } from './restore-marker.ts'
import { findProblems, wrongItems } from './restore-problems.ts'
import { Selection } from './selection.ts'
import { inodeOf, isFolder, StagingArea } from './staging-area.ts'
import { adoptFolder, swapBack, swapFolders } from './swap-folders.ts'
import { onTarget } from './target-error.ts'
import { writeTree } from './write-tree.ts'

export interface FilesRestorerOptions {
  /** That of the source. @default 'files' */
  readonly name?: string
  /** Where the tree shall be. The folder above it must exist; the tree is built in there as `<folder>__restoring`. */
  readonly folder: string
  /** What happens to a folder (or, with `only`, to files) that are there. @default 'refuse' */
  readonly replace?: 'refuse' | 'swap'
  /**
   * Paths of files and folders in the tree: only these are brought back, into the folder as it is, with the folders above
   * them that are missing. They are no longer hard links of files that were not chosen. All when left out.
   */
  readonly only?: readonly string[] | undefined
  /**
   * `skip` leaves everything to whoever restores and drops set-user and set-group bits that would then give away rights.
   * @default 'keep' for the superuser, else 'skip'
   */
  readonly owners?: Owners
}

/**
 * Brings a folder tree back: builds it beside its place, reads it back, and puts it there by renames (the whole folder, or
 * file by file with `only`).
 * @throws {BackupError} `INVALID_OPTION` for a path in `only` that leads elsewhere
 */
export function filesRestorer ({ name = 'files', folder, replace = 'refuse', only, owners }: FilesRestorerOptions): Restorer {
  return new FolderRestorer(name, new StagingArea(folder), {
    replace, selection: only === undefined ? undefined : new Selection(only), ownership: new Ownership(owners),
  })
}

interface FolderRestorerOptions {
  readonly replace: 'refuse' | 'swap'
  readonly selection: Selection | undefined
  readonly ownership: Ownership
}

class FolderRestorer implements Restorer {
  readonly name: string
  readonly isAside = true
  readonly #area: StagingArea
  readonly #replace: 'refuse' | 'swap'
  readonly #selection: Selection | undefined
  readonly #ownership: Ownership

  constructor (name: string, area: StagingArea, { replace, selection, ownership }: FolderRestorerOptions) {
    this.name = name
    this.#area = area
    this.#replace = replace
    this.#selection = selection
    this.#ownership = ownership
  }

  async check (items: readonly RestoreItem[], { signal }: AbortOptions = {}): Promise<readonly Problem[]> {
    signal?.throwIfAborted()
    return await onTarget(this.#area.target, async () => await findProblems(items, this.#area, { name: this.name, replace: this.#replace, selection: this.#selection, signal }))
  }

  async holds (item: RestoreItem, { signal }: AbortOptions = {}): Promise<boolean> {
    signal?.throwIfAborted()
    if (!await isFolder(this.#area.target)) return false
    try {
      return await this.#isAt(this.#area.target, item, signal)
    } catch (error) {
      if (isBackupError(error, 'SOURCE_UNSUPPORTED')) return false // something is there that no snapshot can hold
      throw error
    }
  }

  async prepare (items: readonly RestoreItem[], { signal, onItem }: PrepareOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    const [item] = items
    if (item === undefined) return
    const [wrong] = wrongItems(items, this.name)
    if (wrong !== undefined) throw new BackupError(wrong.code, wrong.message, { data: wrong.data ?? {} })
    await onTarget(this.#area.target, async () => {
      await this.#clearLeftovers()
      const marker = await this.#area.make()
      await writeTree(this.#area.staged, options => this.#entries(item, options), { ownership: this.#ownership, signal })
      await this.#verify(item, signal)
      await this.#area.record({ ...marker, stage: 'prepared' })
    })
    onItem?.(item)
  }

  async commit ({ signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    await onTarget(this.#area.target, async () => {
      const found = await this.#area.marker()
      if (found === undefined) return
      const marker = isVisible(found) ? found : await this.#begin(found)
      if (marker.stage === 'committing') await this.#makeVisible(marker)
      await this.#area.clear(marker)
    })
  }

  async abort ({ signal }: AbortOptions = {}): Promise<void> {
    signal?.throwIfAborted()
    await onTarget(this.#area.target, async () => {
      const marker = await this.#area.marker()
      if (marker === undefined) return
      if (isVisible(marker)) await this.#undo(marker)
      await this.#area.clear(marker)
    })
  }

  async close (): Promise<void> {
    // nothing stays open between two calls
  }

  async #clearLeftovers (): Promise<void> {
    const marker = await this.#area.marker()
    if (marker === undefined) return
    if (isVisible(marker)) throw new BackupError('RESTORE_PENDING', `an earlier restore into ${this.#area.target} was cut off while it became visible; finish that first`, { data: { folder: this.#area.target } })
    await this.#area.clear(marker)
  }

  #entries (item: RestoreItem, options: AbortOptions): AsyncIterable<FileEntry> {
    return this.#selection === undefined ? item.entries(options) : this.#selection.entries(item, options)
  }

  async #isAt (root: string, item: RestoreItem, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#selection !== undefined) return await this.#difference(root, item, signal) === undefined
    const disk = await DiskPlace.of(root)
    const files = new OpenFiles(root, disk)
    try {
      return await holdsTree(root, item, { files, disk, ownership: this.#ownership, signal })
    } finally {
      await files.close()
    }
  }

  /** With `only`, of the folders above the chosen ones it is enough that they are there. */
  async #difference (root: string, item: RestoreItem, signal: AbortSignal | undefined): Promise<string | undefined> {
    const inFull = (path: string): boolean => this.#selection?.covers(path) ?? true
    return await firstDifference(root, this.#entries(item, { signal }), { ownership: this.#ownership, inFull, signal })
  }

  async #verify (item: RestoreItem, signal: AbortSignal | undefined): Promise<void> {
    if (await this.#isAt(this.#area.staged, item, signal)) return
    const path = await this.#difference(this.#area.staged, item, signal)
    const what = path === undefined ? '' : `, first in ${JSON.stringify(path)}`
    throw new BackupError('TARGET_DIFFERS', `what was written to ${this.#area.staged} is not read back as ${item.id} has it${what}`, { data: { id: item.id, path } })
  }

  /** The last moment at which nothing is visible yet. */
  async #begin (marker: RestoreMarker): Promise<RestoreMarker> {
    const { target } = this.#area
    const whole = this.#selection === undefined
    if (marker.stage !== 'prepared') throw new BackupError('TARGET_FAILED', `the restore into ${target} was cut off while it was prepared; abort it`, { data: { folder: target } })
    const replaced = whole ? await inodeOf(target) : null
    if (replaced !== null && (this.#replace === 'refuse' || !await isFolder(target))) {
      throw new BackupError('TARGET_EXISTS', `${target} came to be while the restore was prepared; move it away`, { data: { folder: target } })
    }
    if (whole) await adoptFolder(this.#area, this.#ownership)
    const committing: RestoreMarker = { ...marker, stage: 'committing', replaced, missing: await this.#missingParents() }
    await this.#area.record(committing)
    return committing
  }

  /** A staged folder that is partly removed must not be placed again: hence the last record. */
  async #makeVisible (marker: RestoreMarker): Promise<void> {
    if (this.#selection === undefined) await swapFolders(this.#area, marker)
    else await placeEntries(this.#area, { ownership: this.#ownership, isOurs: this.#isOurs(this.#selection, marker) })
    await this.#area.record({ ...marker, stage: 'committed' })
  }

  async #missingParents (): Promise<readonly string[]> {
    const missing: string[] = []
    for (const path of this.#selection?.parents ?? []) {
      if (await inodeOf(this.#area.inTarget(path)) === null) missing.push(path)
    }
    return missing
  }

  #isOurs (selection: Selection, { missing }: RestoreMarker): (path: string) => boolean {
    const made = new Set(missing)
    return path => selection.covers(path) || made.has(path)
  }

  async #undo (marker: RestoreMarker): Promise<void> {
    if (this.#selection === undefined) return await swapBack(this.#area, marker)
    throw new BackupError('RESTORE_PENDING', `files of the restore into ${this.#area.target} are in their places already; finish it`, { data: { folder: this.#area.target } })
  }
}

/** True from the moment on when the only way may be forward. */
function isVisible ({ stage }: RestoreMarker): boolean {
  return stage === 'committing' || stage === 'committed'
}
