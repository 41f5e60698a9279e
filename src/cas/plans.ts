import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { PLAN_PREFIX, finalKey, planKey } from './layout.ts'
import { corrupt } from './record.ts'
import { FinalRecord, PlanRecord, readRecord } from './records.ts'

/** What the plans of garbage collection say at one moment. */
export interface Plans {
  /** Number of the newest plan; 0 without one. */
  readonly newest: number
  /** Packs of the newest plan, as long as it has no final. */
  readonly open: readonly string[] | undefined
  /** The newest plan's final, if it has one. */
  readonly final: FinalRecord | undefined
  /** Packs that some final names: they are gone, or will be any moment. */
  readonly deleted: ReadonlySet<string>
}

/** Reads plans; a final, which never changes, only once. */
export class PlanReader {
  readonly #backend: StorageBackend
  readonly #finals = new Map<number, FinalRecord>()

  constructor (backend: StorageBackend) {
    this.#backend = backend
  }

  /** @throws {BackupError} `RECORD_CORRUPT` also when a plan other than the newest has no final */
  async read (options: AbortOptions = {}): Promise<Plans> {
    const newest = await this.#newest(options)
    const deleted = new Set<string>()
    let final: FinalRecord | undefined
    for (let n = 1; n <= newest; n++) {
      final = await this.#final(n, options)
      if (final === undefined && n < newest) throw corrupt(finalKey(n), 'it is missing, though a later plan exists')
      for (const pack of final?.delete ?? []) deleted.add(pack)
    }
    if (newest === 0 || final !== undefined) return { newest, open: undefined, final, deleted }
    const plan = await readRecord(this.#backend, planKey(newest), PlanRecord, options)
    if (plan === undefined) throw corrupt(planKey(newest), 'it has vanished')
    return { newest, open: plan.packs, final, deleted }
  }

  async #newest (options: AbortOptions): Promise<number> {
    let newest = 0
    for await (const { key } of this.#backend.list(PLAN_PREFIX, options)) {
      const digits = /^plans\/(\d{10})$/.exec(key)?.[1]
      if (digits !== undefined) newest = Number(digits)
    }
    return newest
  }

  async #final (n: number, options: AbortOptions): Promise<FinalRecord | undefined> {
    const known = this.#finals.get(n)
    if (known !== undefined) return known
    const final = await readRecord(this.#backend, finalKey(n), FinalRecord, options)
    if (final !== undefined) this.#finals.set(n, final)
    return final
  }
}
