import { hash } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { StoredContent } from '../dag/content.ts'
import type { FileMemory, RememberedFile } from '../dag/file-memory.ts'
import type { WriterSession } from '../cas/repository.ts'
import { RememberedFilesReader } from './remembered-files-reader.ts'
import { RememberedFilesWriter } from './remembered-files-writer.ts'

export interface RememberedFilesOptions {
  /** Folder of this host, outside of the repository. */
  readonly folder: string
  /** Id of the repository. */
  readonly repository: string
  readonly project: string
  /** Nothing is recalled: every file is read. @default false */
  readonly fullRead?: boolean | undefined
  /** When the capture begins, in milliseconds since 1970. */
  readonly beginMs: number
  /** What the snapshot is written with. */
  readonly writer: Pick<WriterSession, 'packs'>
}

/**
 * What this host remembers of the files in a project's snapshots, to leave unread what did not change: of each folder tree
 * the files of the last snapshot. A memory is only good for building on the very tree that it is of, which the parent holds.
 */
export class RememberedFiles {
  readonly #options: RememberedFilesOptions
  readonly #trees: RememberedTree[] = []

  constructor (options: RememberedFilesOptions) {
    this.#options = options
  }

  /** The memory of the artifact, whose content in the parent snapshot is `previous`. */
  async open (artifact: string, previous: StoredContent | undefined): Promise<RememberedTree> {
    const { folder, repository, project, fullRead = false, beginMs, writer } = this.#options
    const name = hash('sha256', JSON.stringify([hostname(), project, artifact]), 'hex').slice(0, 32)
    const path = join(folder, repository, 'files', name)
    const before = fullRead || previous === undefined ? undefined : await RememberedFilesReader.open(path)
    const fits = before !== undefined && before.seal.root === previous?.root.toString() && before.seal.beginMs <= beginMs
    if (!fits) await before?.close()
    const tree = new RememberedTree(await RememberedFilesWriter.open(path), fits ? { reader: before, isIntact: before.seal.packs.every(pack => writer.packs.has(pack)) } : undefined)
    this.#trees.push(tree)
    return tree
  }

  /** The snapshot is there: the next one may build on what was found in this one. */
  async keep (): Promise<void> {
    const { beginMs, writer } = this.#options
    for (const tree of this.#trees) await tree.keep({ beginMs, packs: [...writer.packs] })
  }

  /** Frees what is open. Safe to call twice. */
  async close (): Promise<void> {
    for (const tree of this.#trees.splice(0)) await tree.close()
  }
}

/** The memory of one folder tree. */
export class RememberedTree implements FileMemory {
  readonly isIntact: boolean
  readonly #after: RememberedFilesWriter
  #before: RememberedFilesReader | undefined
  #root: string | undefined

  constructor (after: RememberedFilesWriter, before: { readonly reader: RememberedFilesReader, readonly isIntact: boolean } | undefined) {
    this.isIntact = before?.isIntact ?? false
    this.#after = after
    this.#before = before?.reader
  }

  async recall (path: string, state: string): Promise<RememberedFile | undefined> {
    const found = await this.#before?.find(path)
    return found?.state === state ? found : undefined
  }

  async remember (files: readonly RememberedFile[]): Promise<void> {
    await this.#after.add(files)
  }

  /** Says which tree these files are of. */
  name ({ root }: StoredContent): void {
    this.#root = root.toString()
  }

  /** Keeps what was remembered of a tree that is stored now. */
  async keep (facts: { readonly beginMs: number, readonly packs: readonly string[] }): Promise<void> {
    if (this.#root !== undefined) await this.#after.keep({ root: this.#root, ...facts })
  }

  async close (): Promise<void> {
    await this.#before?.close()
    this.#before = undefined
    await this.#after.discard()
  }
}
