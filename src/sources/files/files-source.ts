import { realpath, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Artifact, Capture, CaptureSummary, FileEntry, Source } from '../source.ts'
import { DiskPlace } from './disk-place.ts'
import { walkGroups } from './folder-walk.ts'
import type { FoundEntry } from './folder-walk.ts'
import { OpenFiles } from './open-files.ts'
import { readTree } from './read-tree.ts'
import { sourceError } from './source-error.ts'
import { TreeNotes } from './tree-notes.ts'
import { WalkDigest } from './walk-digest.ts'

export interface FilesSourceOptions {
  /** @default 'files' */
  readonly name?: string
  /** The folder; itself not part of the tree. A symlink to a folder is followed here, and nowhere below. */
  readonly folder: string
  /**
   * What to do when entries come, go or change while the folder is read. `fail` proves that all entries are of one
   * moment, by a second look at each when all was read. `note` tells the number of entries before and after. A file whose bytes
   * change while they are read is an error in either case.
   * @default 'fail'
   */
  readonly whenChanged?: 'fail' | 'note'
  /** @default the system's */
  readonly now?: () => Date
}

/**
 * A folder of stored files as one artifact: files, folders, symlinks and hard links with owner, mode and time of modification
 * (in whole microseconds). Sockets, FIFOs and devices are left out and noted; ACLs and extended attributes are not captured.
 */
export function filesSource ({ name = 'files', folder, whenChanged = 'fail', now = () => new Date() }: FilesSourceOptions): Source {
  return {
    name,
    async capture ({ signal } = {}) {
      signal?.throwIfAborted()
      const begin = now()
      const place = await findFolder(folder)
      return new FolderCapture(name, { folder: place, disk: await DiskPlace.of(place), whenChanged, begin })
    },
  }
}

/** @throws {BackupError} `SOURCE_MISSING`, `SOURCE_DENIED` */
async function findFolder (folder: string): Promise<string> {
  const place = resolve(folder)
  try {
    const real = await realpath(place)
    if ((await stat(real)).isDirectory()) return real
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) throw sourceError(error, place)
    throw new BackupError('SOURCE_MISSING', `there is no folder ${place}`, { data: { folder: place }, cause: error })
  }
  throw new BackupError('SOURCE_MISSING', `${place} is no folder`, { data: { folder: place } })
}

interface FolderCaptureOptions {
  readonly folder: string
  readonly disk: DiskPlace
  readonly whenChanged: 'fail' | 'note'
  readonly begin: Date
}

class FolderCapture implements Capture {
  readonly #id: string
  readonly #folder: string
  readonly #disk: DiskPlace
  readonly #whenChanged: 'fail' | 'note'
  readonly #files: OpenFiles
  readonly #begin: Date
  readonly #notes = new TreeNotes()
  /** What was found when the tree was read; undefined until it was read whole. */
  #found: { readonly count: number, readonly digest: string } | undefined

  constructor (name: string, { folder, disk, whenChanged, begin }: FolderCaptureOptions) {
    this.#id = `${name}/tree`
    this.#folder = folder
    this.#disk = disk
    this.#begin = begin
    this.#whenChanged = whenChanged
    this.#files = new OpenFiles(folder, disk)
  }

  async * artifacts ({ signal }: AbortOptions = {}): AsyncGenerator<Artifact> {
    signal?.throwIfAborted()
    yield { id: this.#id, kind: 'files', deps: [], attributes: {}, content: { form: 'files', entries: (options = {}) => this.#entries(options) } }
  }

  async finish (): Promise<CaptureSummary> {
    await this.#lookAgain()
    return { begin: this.#begin.toISOString(), end: new Date().toISOString(), facts: { folder: this.#folder, entries: this.#found?.count ?? 0 }, notes: this.#notes.sentences() }
  }

  async close (): Promise<void> {
    await this.#files.close()
  }

  #entries ({ signal }: AbortOptions): AsyncGenerator<FileEntry> {
    const digest = new WalkDigest()
    return readTree(this.#folder, {
      files: this.#files,
      disk: this.#disk,
      beginMs: this.#begin.getTime(),
      signal,
      onGone: this.#onGone,
      onFound: found => { digest.add(found) },
      onSkipped: (path, what) => { this.#notes.skipped(path, what) },
      onEnd: () => { this.#found = { count: digest.count, digest: digest.digest() } },
    })
  }

  /** What is the same before and after was the same in between: then all entries are of the moment when the reading ended. */
  async #lookAgain (): Promise<void> {
    if (this.#found === undefined) return
    const digest = new WalkDigest()
    let latest: FoundEntry | undefined
    for await (const group of walkGroups(this.#folder, { disk: this.#disk, onGone: this.#onGone })) {
      for (const found of group) {
        digest.add(found)
        if (latest === undefined || latest.stats.ctimeNs < found.stats.ctimeNs) latest = found
      }
    }
    if (digest.digest() === this.#found.digest) return
    if (this.#whenChanged === 'note') return this.#notes.changed(this.#found.count, digest.count)
    throw new BackupError('SOURCE_CHANGED', `${this.#folder} changed while it was read (last ${JSON.stringify(latest?.path ?? '.')}); run again at a quieter time`, { data: { folder: this.#folder, latest: latest?.path } })
  }

  get #onGone (): ((path: string) => void) | undefined {
    return this.#whenChanged === 'note' ? path => { this.#notes.gone(path) } : undefined
  }
}
