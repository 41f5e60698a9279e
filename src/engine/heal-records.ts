import { decodeRecord } from '../cas/record.ts'
import type { Repository } from '../cas/repository.ts'
import { verifyObjects } from '../cas/verify-storage.ts'
import type { StorageFinding } from '../cas/verify-storage.ts'
import { isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Donor } from './heal-ways.ts'

export interface HealedRecord {
  readonly key: string
  /** Location of the repository that it was taken from. */
  readonly from: string
}

export interface HealRecordsOptions extends AbortOptions {
  readonly donors: readonly Donor[]
  readonly dryRun: boolean
}

/** Takes damaged records from copies of this same repository: only there a record of that name is the same one. */
export async function healRecords (repository: Repository, { donors, dryRun, signal }: HealRecordsOptions): Promise<{ readonly healed: readonly HealedRecord[], readonly left: readonly StorageFinding[] }> {
  const copies = donors.filter(({ config }) => config.id === repository.config.id)
  const healed: HealedRecord[] = []
  const left: StorageFinding[] = []
  for (const finding of await Array.fromAsync(verifyObjects(repository, { signal }))) {
    if (finding.derived === true || (finding.code !== 'RECORD_CORRUPT' && finding.code !== 'SEAL_BROKEN')) continue
    const { key } = finding
    const found = await firstIntact(copies, key, { signal })
    if (found !== undefined && !dryRun) await repository.backend.put(key, found.bytes, { signal })
    if (found === undefined) left.push(finding)
    else healed.push({ key, from: found.from })
  }
  return { healed, left }
}

async function firstIntact (copies: readonly Donor[], key: string, options: AbortOptions): Promise<{ readonly bytes: Uint8Array, readonly from: string } | undefined> {
  for (const { backend } of copies) {
    const bytes = await backend.get(key, options)
    if (bytes !== undefined && isIntact(key, bytes)) return { bytes, from: backend.location }
  }
  return undefined
}

function isIntact (key: string, bytes: Uint8Array): boolean {
  try {
    decodeRecord(key, bytes)
    return true
  } catch (error) {
    if (isBackupError(error, 'RECORD_CORRUPT', 'FORMAT_UNKNOWN')) return false
    throw error
  }
}
