import { isBackupError } from '../errors.ts'
import type { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { VERIFIED_KEY } from './layout.ts'
import { VerifiedRecord, readRecord, writeRecord } from './records.ts'
import type { Repository } from './repository.ts'

/** How long a run may go on before what it has checked is stored, in milliseconds. */
const SAVE_EVERY_MS = 30_000

/**
 * Remembers when each pack was last read whole and found intact. (format.md § Checks) Derived: losing it costs only work, so
 * a damaged record counts as none, and a failure to write it is no failure of who reads packs.
 */
export class CheckMemory {
  /** Why what was stored is of no use, if so. */
  readonly damage: BackupError | undefined
  readonly #repository: Repository
  #stored: VerifiedRecord | undefined
  /** What this run found out: when a pack was intact, or undefined for a damaged one. */
  readonly #noted = new Map<string, string | undefined>()
  #run: string | undefined
  #saved: number

  private constructor (repository: Repository, stored: VerifiedRecord | undefined, damage: BackupError | undefined) {
    this.#repository = repository
    this.#stored = stored
    this.damage = damage
    this.#run = stored?.run
    this.#saved = Date.parse(repository.now())
  }

  /** What is stored by now. @throws {BackupError} `FORMAT_UNKNOWN`, `STORAGE_…` */
  static async open (repository: Repository, options: AbortOptions = {}): Promise<CheckMemory> {
    try {
      return new CheckMemory(repository, await readRecord(repository.backend, VERIFIED_KEY, VerifiedRecord, options), undefined)
    } catch (error) {
      if (!isBackupError(error, 'RECORD_CORRUPT')) throw error
      return new CheckMemory(repository, undefined, error)
    }
  }

  /** When the reading of all packs that is not finished yet began, ISO 8601. */
  get run (): string | undefined {
    return this.#run
  }

  /** When the pack was last found intact, ISO 8601; undefined if never, or if a clock was wrong. */
  checkedAt (pack: string): string | undefined {
    const time = this.#noted.has(pack) ? this.#noted.get(pack) : this.#stored?.packs[pack]
    return time === undefined || time > this.#repository.now() ? undefined : time
  }

  /** Notes that a pack was just read; a damaged one counts as unread, so that the next run reads and names it again. */
  async note (pack: string, { intact }: { readonly intact: boolean }): Promise<void> {
    this.#noted.set(pack, intact ? this.#repository.now() : undefined)
    if (Date.parse(this.#repository.now()) - this.#saved >= SAVE_EVERY_MS) await this.save()
  }

  /** Notes that a reading of all packs begins, or (with undefined) is done. */
  setRun (begun: string | undefined): void {
    this.#run = begun
  }

  /** Stores what was noted, over what others may have stored meanwhile. */
  async save (): Promise<void> {
    const { backend, index } = this.#repository
    try {
      this.#stored = (await readRecord(backend, VERIFIED_KEY, VerifiedRecord).catch(ignoreDamage)) ?? this.#stored
      const known = new Map(Object.entries(this.#stored?.packs ?? {}))
      for (const [pack, time] of this.#noted) {
        if (time === undefined) known.delete(pack)
        else known.set(pack, time)
      }
      const packs = Object.fromEntries([...known].filter(([pack]) => index.packs.has(pack)).sort(([one], [other]) => one < other ? -1 : 1))
      await writeRecord(backend, VERIFIED_KEY, { ...(this.#run === undefined ? {} : { run: this.#run }), packs })
    } catch (error) {
      if (!isBackupError(error, 'STORAGE_DENIED', 'STORAGE_FULL', 'STORAGE_IO')) throw error
    }
    this.#saved = Date.parse(this.#repository.now())
  }
}

function ignoreDamage (error: unknown): undefined {
  if (!isBackupError(error, 'RECORD_CORRUPT')) throw error
}

/** How well the packs of a repository are known to be intact. */
export interface Coverage {
  readonly packs: number
  /** Packs that were never read since they were written, as far as is known, or in which damage was found. */
  readonly unread: number
  /** When the one read longest ago of the others was read, ISO 8601; unset when none was. */
  readonly oldest?: string
}

export function coverageOf ({ index }: Repository, memory: CheckMemory): Coverage {
  const times = [...index.packs.keys()].map(pack => memory.checkedAt(pack))
  const [oldest] = times.filter(time => time !== undefined).sort()
  return { packs: times.length, unread: times.filter(time => time === undefined).length, ...(oldest === undefined ? {} : { oldest }) }
}
