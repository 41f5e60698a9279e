import { join } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
import { makeFolder, readIfPresent, writeDurable } from '../../storage/durable-file.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import type { NoteKey } from './note-key.ts'
import { formatNote } from './signed-note.ts'

/**
 * This host's memory of the newest checkpoint that it has seen of one repository, outside of it: against that a rollback of
 * the whole storage shows. Losing it loses that, nothing else.
 */
export class PinnedCheckpoint {
  readonly path: string
  /** Where else this host keeps what it knows of that repository's log. */
  readonly folder: string

  /** `stateFolder`: of this host and user, for all repositories. */
  constructor (stateFolder: string, repositoryId: string) {
    this.folder = join(stateFolder, repositoryId)
    this.path = join(this.folder, 'checkpoint')
  }

  /** True if one is remembered, whoever signed it. */
  async exists (): Promise<boolean> {
    return await this.#note() !== undefined
  }

  /** The checkpoint; undefined when none was seen. @throws {BackupError} `LOG_ROLLED_BACK` when it is not of this key; `STORAGE_IO` */
  async read (log: NoteKey): Promise<SignedCheckpoint | undefined> {
    const note = await this.#note()
    if (note === undefined) return undefined
    try {
      return openCheckpoint(note, log)
    } catch (error) {
      const message = `the checkpoint remembered in ${this.path} was not signed by the key that the repository now gives as its log's: this is another log (${error instanceof Error ? error.message : ''})`
      throw new BackupError('LOG_ROLLED_BACK', message, { data: { path: this.path }, cause: error })
    }
  }

  /** Remembers a checkpoint unless a larger one is. */
  async write (checkpoint: SignedCheckpoint, log: NoteKey): Promise<void> {
    const known = await this.read(log)
    if (known !== undefined && known.size >= checkpoint.size) return
    try {
      await makeFolder(this.folder)
      await writeDurable(this.path, Buffer.from(formatNote(checkpoint.note))) // an empty one, after a power cut, would look like another log's
    } catch (error) {
      throw stateError(this.path, error)
    }
  }

  async #note (): Promise<Uint8Array | undefined> {
    try {
      return await readIfPresent(this.path)
    } catch (error) {
      throw stateError(this.path, error)
    }
  }
}

function stateError (path: string, cause: unknown): BackupError {
  return new BackupError('STORAGE_IO', `cannot keep the log's newest checkpoint in ${path}: ${systemCode(cause) ?? String(cause)}`, { data: { path }, cause })
}
