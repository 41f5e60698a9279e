import { isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'

/** So many say enough. */
const MOST = 20

/** What is wrong with a snapshot, as sentences. Being unable to look is no fault of the snapshot: that is thrown. */
export class Faults {
  readonly #found: string[] = []
  readonly #options: AbortOptions

  constructor (options: AbortOptions = {}) {
    this.#options = options
  }

  get any (): boolean {
    return this.#found.length > 0
  }

  get list (): readonly string[] {
    return this.#found
  }

  add (fault: string): void {
    if (this.#found.length < MOST) this.#found.push(fault)
  }

  /** Does `act`; what it finds wrong is noted with `where`. @throws what is no finding: `STORAGE_…`, a lost session, an abort */
  async within (where: string, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (!isBackupError(error) || error.code.startsWith('STORAGE_') || isBackupError(error, 'SESSION_REVOKED', 'CANCELLED', 'KEY_NEEDED')) throw error
      this.add(`${where}: ${error.message}`)
    }
  }
}
