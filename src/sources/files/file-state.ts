import type { BigIntStats } from 'node:fs'

/**
 * A change so soon after another may have the same time: file systems count in steps of up to two seconds, kernels in ticks of up
 * to 10 ms.
 */
const SETTLED_MS = 2_000n

/**
 * What changes whenever somebody changes the file's bytes; undefined for a file that could still change without a trace, or
 * whose times tell nothing because they lie in the future: the clock was set back since.
 *
 * The time of change alone cannot be set by `utimes`; a file that took another's place has another inode number.
 *
 * @param beginMs when the capture began, in milliseconds since 1970: before the file was looked at
 */
export function stateOf ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats, beginMs: number): string | undefined {
  const latest = (BigInt(beginMs) - SETTLED_MS) * 1_000_000n
  if (mtimeNs >= latest || ctimeNs >= latest) return undefined
  return [dev, ino, size, mtimeNs, ctimeNs].map(number => number.toString(36)).join('.')
}
