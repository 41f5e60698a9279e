import type { Coverage } from '../cas/check-memory.ts'
import { counted } from './printable.ts'

const DAY_MS = 86_400_000

/** `every pack was read within the last 9 days`, or how many were not. */
export function coverageText ({ packs, unread, oldest }: Coverage, now: Date): string {
  if (packs === 0) return 'there are no packs yet'
  if (oldest === undefined) return packs === 1 ? 'the only pack was never read' : `none of ${counted(packs, 'pack')} was ever read`
  const age = ageText(now.getTime() - Date.parse(oldest))
  return unread === 0 ? `every pack was read within the last ${age}` : `${unread} of ${counted(packs, 'pack')} ${unread === 1 ? 'was' : 'were'} never read, the others within the last ${age}`
}

function ageText (milliseconds: number): string {
  const days = Math.ceil(milliseconds / DAY_MS)
  return days <= 1 ? '24 hours' : `${days} days`
}
