import type { StorageFinding } from '../cas/verify-storage.ts'
import type { Address } from '../cas/blob-store.ts'
import type { BackupError } from '../errors.ts'
import type { Affected, Finding } from './finding.ts'

interface Hits {
  readonly affected: Affected[]
  readonly error: BackupError | undefined
}

/** Brings together what is damaged in the storage and what that hits in the snapshots. */
export class DamageLedger {
  readonly #stored: StorageFinding[] = []
  readonly #lost = new Set<Address>()
  readonly #hits = new Map<Address, Hits>()
  #hidden = false

  /** Addresses that no intact copy is known of. */
  get lost (): ReadonlySet<Address> {
    return this.#lost
  }

  /** Addresses that snapshots need and cannot have. */
  get missed (): ReadonlySet<Address> {
    return new Set(this.#hits.keys())
  }

  /** Notes what is wrong with a pack. Without an address it is about the file: what that holds is accounted for blob by blob, so it is no loss. */
  noteStored (finding: StorageFinding): void {
    this.#stored.push(finding)
    if (finding.address !== undefined && finding.intactElsewhere !== true) this.#lost.add(finding.address)
  }

  /** Notes what a lost blob hits; with `error` it is a block, and what stands below it cannot be known. */
  noteHit (address: Address, affected: Affected, error?: BackupError): void {
    const hits = this.#hits.get(address)
    if (hits === undefined) this.#hits.set(address, { affected: [affected], error })
    else hits.affected.push(affected)
    this.#hidden ||= error !== undefined
  }

  /** Everything noted, once each; `isVisible` tells the snapshots that still count. */
  * findings (isVisible: (snapshot: string) => boolean = () => true): Generator<Finding> {
    const named = new Set(this.#stored.map(({ address }) => address))
    for (const { code, message, key, address, intactElsewhere } of this.#stored) {
      const affected = this.affectedBy(address ?? '').filter(({ snapshot }) => isVisible(snapshot))
      const isLoss = affected.length > 0 || (address !== undefined && intactElsewhere !== true && this.#hidden)
      yield { severity: isLoss ? 'error' : 'warning', code, message, key, ...(address === undefined ? {} : { address }), affected }
    }
    for (const [address, { error }] of this.#hits) {
      const affected = this.affectedBy(address).filter(({ snapshot }) => isVisible(snapshot))
      if (named.has(address) || affected.length === 0) continue
      yield { severity: 'error', code: error?.code ?? 'BLOB_MISSING', message: error?.message ?? `blob ${address} is in no pack`, address, affected }
    }
  }

  affectedBy (address: Address): readonly Affected[] {
    return this.#hits.get(address)?.affected ?? []
  }
}
