import type { FileEntry } from '../source.ts'
import { wholeMicroseconds } from './file-time.ts'

export type Owners = 'keep' | 'skip'

const SET_USER = 0o4000
const SET_GROUP = 0o2000

/**
 * What of an entry's owner and mode can be brought back. With `skip` everything belongs to whoever restores, and a program
 * must not get the rights of another user than the one it was given by: set-user and set-group bits stay only where the owner does.
 */
export class Ownership {
  readonly owners: Owners
  readonly #uid: number
  readonly #gid: number

  /** @param owners by default `keep` for the superuser, else `skip`: only the superuser may give files away. */
  constructor (owners: Owners = process.geteuid?.() === 0 ? 'keep' : 'skip') {
    this.owners = owners
    this.#uid = process.geteuid?.() ?? 0
    this.#gid = process.getegid?.() ?? 0
  }

  /** The mode that an entry gets. */
  mode ({ mode, uid, gid }: Pick<FileEntry, 'mode' | 'uid' | 'gid'>): number {
    if (this.owners === 'keep') return mode
    return mode & ~((uid === this.#uid ? 0 : SET_USER) | (gid === this.#gid ? 0 : SET_GROUP))
  }

  /** What was found in a target, with what could not be brought back as the wanted entry has it. */
  forgive (found: FileEntry, wanted: FileEntry): FileEntry {
    if (found.type !== wanted.type) return found
    const { uid, gid } = this.owners === 'keep' ? found : wanted
    // Linux gives every symlink the mode 0777 and lets nobody change it.
    const mode = wanted.type === 'symlink' || found.mode === this.mode(wanted) ? wanted.mode : found.mode
    const mtimeNs = found.mtimeNs === wholeMicroseconds(wanted.mtimeNs) ? wanted.mtimeNs : found.mtimeNs
    return { ...found, uid, gid, mode, mtimeNs }
  }
}
