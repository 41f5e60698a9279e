import { hash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import * as v from 'valibot'
import { corrupt, decodeRecord, encodeRecord } from '../../cas/record.ts'
import { BackupError, systemCode } from '../../errors.ts'
import { fits, whole } from '../../shape.ts'
import type { Shaped } from '../../shape.ts'
import { makeFolder, readIfPresent, syncFolders, writeDurable } from '../../storage/durable-file.ts'

const StateRecord = v.object({
  origin: v.pipe(v.string(), v.nonEmpty()),
  /** Verifier key of the log: another one is another log. */
  log: v.pipe(v.string(), v.nonEmpty()),
  size: whole,
  /** Base64. */
  root: v.pipe(v.string(), v.nonEmpty()),
  /** The signed note with our cosignature. */
  checkpoint: v.pipe(v.string(), v.nonEmpty()),
  /** Root CIDs of the snapshots verified last. */
  verified: v.array(v.string()),
})

/** The last checkpoint that a witness cosigned of one log. */
export type WitnessRecord = Shaped<typeof StateRecord>

export interface WitnessPosition {
  /** Counts the changes. */
  readonly sequence: number
  /** Undefined before the first cosignature. */
  readonly record: WitnessRecord | undefined
}

/**
 * What a witness remembers, in a folder of its own: `<sha256 of the origin>/<sequence>`, of which the greatest counts. A change
 * creates the next file, which only one of any number of processes can; so two requests, or two witnesses on one folder by mistake, never both go on from one state.
 */
export class WitnessState {
  readonly folder: string

  constructor (folder: string) {
    this.folder = resolve(folder)
  }

  /** @throws {BackupError} `RECORD_CORRUPT`: a state that cannot be read must not count as none; `STORAGE_IO` */
  async read (origin: string): Promise<WitnessPosition> {
    for (;;) {
      const sequence = (await this.#sequences(origin)).at(-1)
      if (sequence === undefined) return { sequence: 0, record: undefined }
      const path = this.#path(origin, sequence)
      const bytes = await readIfPresent(path).catch((error: unknown) => { throw stateError(path, error) })
      if (bytes === undefined) continue // a newer one has come, and the old one gone
      const members: unknown = decodeRecord(path, bytes)
      if (!fits(StateRecord, members) || members.origin !== origin) throw corrupt(path, 'it is not the state of that log')
      return { sequence, record: members }
    }
  }

  /**
   * Makes `record` the state, durably, if it still is what `position` says; false, and nothing changed, if somebody was quicker.
   * @throws {BackupError} `STORAGE_IO`
   */
  async advance (position: WitnessPosition, record: WitnessRecord): Promise<boolean> {
    const { origin } = record
    const sequence = position.sequence + 1
    const folder = join(this.folder, folderOf(origin))
    try {
      const top = await makeFolder(folder)
      if (top !== undefined) await syncFolders(folder, resolve(top, '..'))
      if (!await writeDurable(this.#path(origin, sequence), encodeRecord(record), { keep: true })) return false
      // Who was paused since it read may have made anew what the others had removed as old.
      const all = await this.#sequences(origin)
      if (all.at(-1) !== sequence) {
        await rm(this.#path(origin, sequence), { force: true })
        return false
      }
      await Promise.all(all.slice(0, -2).map(async old => { await rm(this.#path(origin, old), { force: true }) }))
      return true
    } catch (error) {
      throw stateError(folder, error)
    }
  }

  async #sequences (origin: string): Promise<number[]> {
    try {
      const names = await readdir(join(this.folder, folderOf(origin)))
      return names.filter(name => /^\d{10}$/.test(name)).map(Number).sort((a, b) => a - b)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return []
      throw stateError(this.folder, error)
    }
  }

  #path (origin: string, sequence: number): string {
    return join(this.folder, folderOf(origin), String(sequence).padStart(10, '0'))
  }
}

/** As in the addresses of tlog-witness' read interface. */
export function folderOf (origin: string): string {
  return hash('sha256', origin, 'hex')
}

function stateError (path: string, cause: unknown): BackupError {
  if (cause instanceof BackupError) return cause
  return new BackupError('STORAGE_IO', `the validator cannot keep its state in ${path}: ${systemCode(cause) ?? String(cause)}`, { data: { path }, cause })
}
