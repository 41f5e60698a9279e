import type { Affected, Finding } from '../engine/finding.ts'
import { printable } from './printable.ts'
import { shortId } from './snapshot-text.ts'

/** A finding, and a line for each thing it hits. */
export function findingText ({ severity, code, message, key, affected }: Finding): string {
  const where = key === undefined ? '' : ` (${printable(key)})`
  return [`${severity}: ${printable(message)}${where} [${code}]`, ...affected.map(hit => `  hits ${hitText(hit)}`)].join('\n')
}

/** `postgres/rows/public.facts in snapshot 3f9a71c0d2e4: rows 18 to 40, from key (17) to before (41)` */
export function hitText ({ snapshot, node, detail }: Affected): string {
  return `${printable(node)} in snapshot ${shortId(snapshot)}: ${printable(detail)}`
}
