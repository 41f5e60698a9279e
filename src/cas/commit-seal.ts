import { fits } from '../shape.ts'
import type { AbortOptions } from '../stream.ts'
import { OUTCOME_PREFIX } from './layout.ts'
import { corrupt } from './record.ts'
import { CommitRecord } from './records.ts'
import type { SealedCommitRecord } from './records.ts'
import { openBytes, sealBytes } from './sealed-object.ts'
import type { Random } from './sealed-object.ts'
import type { Sealing } from './sealing.ts'

/**
 * Commit records of a sealed repository: all but the outcome stands sealed in one member, bound to the record's key. The time
 * stands outside as well, for those without a key; whoever has one sees when it was changed.
 */
export class CommitSeal {
  readonly #sealing: Sealing
  readonly #random: Random

  constructor (sealing: Sealing, random: Random) {
    this.#sealing = sealing
    this.#random = random
  }

  seal (id: string, { outcome, ...content }: CommitRecord): SealedCommitRecord {
    const sealed = sealBytes(OUTCOME_PREFIX + id, Buffer.from(JSON.stringify(content)), this.#sealing, this.#random)
    return { outcome, time: content.time, sealed: Buffer.from(sealed).toString('base64') }
  }

  /** @throws {BackupError} `RECORD_CORRUPT`, `SEAL_BROKEN`, `KEY_NEEDED` */
  async open (id: string, { outcome, time, sealed }: SealedCommitRecord, { signal }: AbortOptions = {}): Promise<CommitRecord> {
    signal?.throwIfAborted()
    const key = OUTCOME_PREFIX + id
    const content: unknown = JSON.parse((await openBytes(key, Buffer.from(sealed, 'base64'), this.#sealing)).toString())
    const record = { ...content as object, outcome }
    if (!fits(CommitRecord, record)) throw corrupt(key, 'what is sealed in it is no commit')
    if (record.time !== time) throw corrupt(key, `it names the time ${time}, but ${record.time} was sealed in it`)
    return record
  }
}
