import { faultAtEveryCall } from './faults.ts'
import { flipEverywhere } from './flips.ts'
import { fuzzParsers } from './fuzz.ts'
import { killAtRandom } from './kills.ts'
import { randomOperations } from './random-operations.ts'
import type { Counted, Tally } from './tally.ts'
import { Violation, lineOf } from './violation.ts'

export interface TortureRequest {
  readonly seed: number
  readonly operations: number
  /** Rounds, in each of which two processes are killed. */
  readonly kills: number
  readonly inputs: number
  /** Of calls and bytes, every n-th. */
  readonly step: number
  /** @default all */
  readonly only?: readonly string[] | undefined
  readonly tally: Tally
  readonly signal?: AbortSignal | undefined
  readonly onEnd?: (part: Counted) => void
}

/** Does everything; losses go to the tally. Killing waits most of the time, so the others go on beside it. */
export async function runTorture (request: TortureRequest): Promise<void> {
  const { seed, operations, kills, inputs, step, tally, signal } = request
  const killing = attempt(request, 'kills', async () => { await killAtRandom({ seed, rounds: kills, tally, signal }) })
  await attempt(request, 'operations', async () => { await randomOperations({ seed, operations, tally, signal }) })
  await attempt(request, 'faults', async () => { await faultAtEveryCall({ seed, step, tally, signal }) })
  await attempt(request, 'flips', async () => { await flipEverywhere({ seed, step, tally, signal }) })
  await attempt(request, 'inputs', async () => { await fuzzParsers({ seed, inputs, tally, signal }) })
  await killing
}

/** Runs a part to its end or its first loss; a part that breaks in another way has lost as well. */
async function attempt ({ only, tally, signal, onEnd }: TortureRequest, part: Counted, act: () => Promise<void>): Promise<void> {
  if (only?.includes(part) === false || signal?.aborted === true) return
  try {
    await act()
  } catch (error) {
    tally.lost({ part, message: lineOf(error), steps: error instanceof Violation ? error.steps : [error instanceof Error ? error.stack ?? '' : ''] })
  }
  onEnd?.(part)
}
