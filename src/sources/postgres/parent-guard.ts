import type { CaptureSummary } from '../source.ts'
import type { ServerFacts } from './server-facts.ts'

/** What must be the same for xids and positions to mean the same; else another history may have been written over the parent's. */
const SAME_HISTORY: Readonly<Record<string, string>> = {
  systemIdentifier: 'it is another server',
  timeline: 'the server went on on another timeline',
  databaseOid: 'it is another database of that name',
  postmasterStart: 'the server was started since',
  serverVersionNumber: 'the server has another version',
}

/** xids are compared in 32 bits, and go on while rows are read. */
const FURTHEST = 2n ** 30n

/** What the present capture knows. */
export interface PresentFacts {
  readonly facts: ServerFacts
  /** A position in the WAL that the present snapshot does see: read before it was taken. */
  readonly visible: string | null
}

/** Why rows older than the parent's snapshot may be others now than they were in it; undefined when they cannot. */
export function whyUnsure (parent: Omit<CaptureSummary, 'begin' | 'end' | 'notes'>, { facts, visible }: PresentFacts): string | undefined {
  const different = Object.entries(SAME_HISTORY).find(([name]) => typeof facts[name] !== typeof parent.facts[name] || facts[name] !== parent.facts[name])
  if (different !== undefined) return different[1]
  const unknown = Object.keys(SAME_HISTORY).find(name => facts[name] === null || facts[name] === undefined)
  if (unknown !== undefined) return `the server does not tell its ${unknown}`
  const [seen, wanted] = [walPosition(visible), walPosition(parent.facts['insertPosition'] ?? parent.position)]
  if (seen === undefined || wanted === undefined || seen < wanted) return 'the server has not come as far as the snapshot before'
  const [xmin, next] = [transactionId(parent.facts['snapshotXmin']), transactionId(facts['snapshotXmax'])]
  if (xmin === undefined || next === undefined || next < xmin) return 'the server\'s transactions are not those of the snapshot before'
  if (next - xmin >= FURTHEST) return 'too many transactions ran since the snapshot before'
  return undefined
}

/** A WAL position as a number; undefined when it is none. */
export function walPosition (text: unknown): bigint | undefined {
  const parts = typeof text === 'string' ? /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) : null
  return parts === null ? undefined : (BigInt(`0x${parts[1]}`) << 32n) + BigInt(`0x${parts[2]}`)
}

function transactionId (text: unknown): bigint | undefined {
  return typeof text === 'string' && /^[0-9]{1,19}$/.test(text) ? BigInt(text) : undefined
}
