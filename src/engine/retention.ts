import { BackupError } from '../errors.ts'

/** Which snapshots to keep. A snapshot stays if any `keep…` rule names it; without any such rule all stay that are within `maxSnapshots` and `ttlDays`. */
export interface Retention {
  /** Keeps at most this many, the newest. */
  readonly maxSnapshots?: number
  /** Forgets what is older, in days. */
  readonly ttlDays?: number
  /** Keep the newest n. */
  readonly keepLast?: number
  /** Keep the newest of each of the last n days (UTC) that have one; weeks begin on Monday. */
  readonly keepDaily?: number
  readonly keepWeekly?: number
  readonly keepMonthly?: number
}

export interface Dated {
  readonly id: string
  readonly timestamp: Date
}

export interface RetentionPlan<T> {
  readonly keep: ReadonlyArray<{ readonly snapshot: T, readonly reasons: readonly string[] }>
  readonly forget: ReadonlyArray<{ readonly snapshot: T, readonly reasons: readonly string[] }>
}

const DAY_MS = 86_400_000

/**
 * Says which of `snapshots` (of one project) to forget. The newest one always stays: a retention never leaves a project without a backup.
 * @throws {BackupError} `INVALID_OPTION` when a number is negative or not whole
 */
export function planRetention<T extends Dated> (snapshots: readonly T[], retention: Retention, { now }: { readonly now: Date }): RetentionPlan<T> {
  checkRetention(retention)
  const newestFirst = [...snapshots].sort((a, b) => b.timestamp.getTime() - a.timestamp.getTime() || (a.id < b.id ? 1 : -1))
  const kept = keepReasons(newestFirst, retention)
  const plan = { keep: [] as Array<{ snapshot: T, reasons: string[] }>, forget: [] as Array<{ snapshot: T, reasons: string[] }> }
  for (const [position, snapshot] of newestFirst.entries()) {
    const against = forgetReasons(snapshot, position, retention, kept !== undefined, now)
    const reasons = position === 0 ? ['newest'] : kept?.get(snapshot) ?? []
    if (position === 0 || reasons.length > 0) plan.keep.push({ snapshot, reasons })
    else if (kept === undefined && against.length === 0) plan.keep.push({ snapshot, reasons: ['within limits'] })
    else plan.forget.push({ snapshot, reasons: against.length > 0 ? against : ['no rule keeps it'] })
  }
  return plan
}

function checkRetention (retention: Retention): void {
  for (const [name, value] of Object.entries(retention)) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
      throw new BackupError('INVALID_OPTION', `${name} must be a whole number from 0, not ${String(value)}`, { data: { name } })
    }
  }
}

/** The rules that keep each snapshot, or undefined when there are no `keep…` rules. */
function keepReasons<T extends Dated> (newestFirst: readonly T[], retention: Retention): Map<T, string[]> | undefined {
  const rules = [
    { name: 'last', count: retention.keepLast, period: (snapshot: T) => snapshot.id },
    { name: 'daily', count: retention.keepDaily, period: (snapshot: T) => snapshot.timestamp.toISOString().slice(0, 10) },
    { name: 'weekly', count: retention.keepWeekly, period: (snapshot: T) => weekOf(snapshot.timestamp) },
    { name: 'monthly', count: retention.keepMonthly, period: (snapshot: T) => snapshot.timestamp.toISOString().slice(0, 7) },
  ]
  if (rules.every(rule => rule.count === undefined)) return undefined
  const kept = new Map<T, string[]>()
  for (const { name, count = 0, period } of rules) {
    const seen = new Set<string>()
    for (const snapshot of newestFirst) {
      if (seen.size === count) break
      if (seen.has(period(snapshot))) continue
      seen.add(period(snapshot))
      kept.set(snapshot, [...kept.get(snapshot) ?? [], name])
    }
  }
  return kept
}

/** The Monday (UTC) of the week of `date`. */
function weekOf (date: Date): string {
  const day = (date.getUTCDay() + 6) % 7
  return new Date(date.getTime() - day * DAY_MS).toISOString().slice(0, 10)
}

function forgetReasons (snapshot: Dated, position: number, { maxSnapshots, ttlDays }: Retention, hasKeepRules: boolean, now: Date): string[] {
  const reasons: string[] = []
  if (hasKeepRules) return reasons
  if (maxSnapshots !== undefined && position >= maxSnapshots) reasons.push(`more than ${maxSnapshots} newer`)
  if (ttlDays !== undefined && now.getTime() - snapshot.timestamp.getTime() > ttlDays * DAY_MS) reasons.push(`older than ${ttlDays} days`)
  return reasons
}
