import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KillLoop } from '../fault/kill-loop.ts'
import type { Tally } from './tally.ts'
import { Violation, lineOf } from './violation.ts'

export interface KillsRequest {
  readonly seed: number
  /** In each a writer and a collector are killed. */
  readonly rounds: number
  readonly tally: Tally
  readonly signal?: AbortSignal | undefined
}

/**
 * Kills processes that write to and collect one repository, at seeded instants, and looks after each time for what was promised.
 * @throws {Violation} with the round
 */
export async function killAtRandom ({ seed, rounds, tally, signal }: KillsRequest): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'caf-torture-kill-'))
  let round = 0
  try {
    const loop = await KillLoop.create(folder, String(seed))
    for (; round < rounds && signal?.aborted !== true; round++) {
      await loop.killBoth(round)
      tally.count('kills', 'writer')
      tally.count('kills', 'collector')
    }
    if (signal?.aborted !== true) await loop.collectAll()
  } catch (error) {
    throw new Violation(`round ${round}: ${lineOf(error)}`, { cause: error })
  } finally {
    await rm(folder, { recursive: true })
  }
}
