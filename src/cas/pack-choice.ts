import { BackupError } from '../errors.ts'
import type { CheckMemory } from './check-memory.ts'
import type { Repository } from './repository.ts'

/** How much to read: all, a share from 0 to 1 of the stored bytes, or so many bytes. */
export type ReadAmount = 'all' | number | { readonly bytes: number }

export interface PackChoiceOptions {
  /** With `all`: leaves out what an unfinished reading of all packs has read. */
  readonly resume?: boolean
}

/**
 * Names of the packs to read: those never read first, then those read longest ago, whole packs until the amount is reached.
 * So n readings of a share of 1/n read each pack once.
 * @throws {BackupError} `INVALID_OPTION`
 */
export function choosePacks ({ index: { packs } }: Repository, memory: CheckMemory, amount: ReadAmount, { resume = false }: PackChoiceOptions = {}): ReadonlySet<string> {
  if (amount === 'all') return new Set([...packs.keys()].filter(pack => !resume || !isOfRun(pack, memory)))
  const total = [...packs.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let missing = bytesOf(amount, total)
  const chosen = new Set<string>()
  for (const [, pack] of [...packs.keys()].map(pack => [memory.checkedAt(pack) ?? '', pack] as const).sort(byAge)) {
    if (missing <= 0) break
    chosen.add(pack)
    missing -= packs.get(pack)!.sizeBytes
  }
  return chosen
}

function bytesOf (amount: number | { readonly bytes: number }, total: number): number {
  if (typeof amount === 'number') {
    if (!(amount >= 0 && amount <= 1)) throw new BackupError('INVALID_OPTION', `the share to read is from 0 to 1, not ${amount}`)
    return Math.ceil(amount * total)
  }
  if (!(amount.bytes >= 0)) throw new BackupError('INVALID_OPTION', `the number of bytes to read is 0 or more, not ${amount.bytes}`)
  return amount.bytes
}

function isOfRun (pack: string, memory: CheckMemory): boolean {
  const time = memory.checkedAt(pack)
  return memory.run !== undefined && time !== undefined && time >= memory.run
}

function byAge ([time, pack]: readonly [string, string], [otherTime, other]: readonly [string, string]): number {
  return time < otherTime ? -1 : time > otherTime ? 1 : pack < other ? -1 : 1
}
