import { randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BackupError, systemCode } from '../../errors.ts'
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
    return await readIfPresent(this.path) !== undefined
  }

  /** The checkpoint; undefined when none was seen. @throws {BackupError} `LOG_ROLLED_BACK` when it is not of this key; `STORAGE_IO` */
  async read (log: NoteKey): Promise<SignedCheckpoint | undefined> {
    const note = await readIfPresent(this.path)
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
    const temporary = `${this.path}.${randomUUID()}`
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 })
      await writeFile(temporary, formatNote(checkpoint.note), { mode: 0o600 })
      await rename(temporary, this.path)
    } catch (error) {
      throw stateError(this.path, error)
    }
  }
}

async function readIfPresent (path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw stateError(path, error)
  }
}

function stateError (path: string, cause: unknown): BackupError {
  return new BackupError('STORAGE_IO', `cannot keep the log's newest checkpoint in ${path}: ${systemCode(cause) ?? String(cause)}`, { data: { path }, cause })
}
