import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CURRENT_INPUT, CURRENT_TARGET, PROGRESS_LENGTH, STARTED_AT } from './fuzz/fuzz-progress.ts'
import type { FuzzFinding, FuzzMessage, FuzzOrder } from './fuzz/fuzz-progress.ts'
import type { Tally } from './tally.ts'
import { Violation, lineOf } from './violation.ts'

export interface FuzzRequest {
  readonly seed: number
  readonly inputs: number
  /** Number of the first input, to see one of them again. @default 0 */
  readonly first?: number
  /** Name of the only parser that gets inputs. @default all */
  readonly only?: string | undefined
  readonly tally: Tally
  readonly signal?: AbortSignal | undefined
}

/** Far more than an input takes, also on a machine that does much else. */
const DEADLINE_MS = 30_000
const LOOK_EVERY_MS = 500
const WORKER = new URL('./fuzz/fuzz-worker.ts', import.meta.url)
const MOST_HEAP_MIB = 768

/**
 * Gives every parser inputs that are nearly right. Each must be taken, or refused with an error of ours, soon and without filling the memory.
 * The parsers run in a thread of their own, that is watched.
 * @throws {Violation} with the findings
 */
export async function fuzzParsers ({ seed, inputs, first = 0, only, tally, signal }: FuzzRequest): Promise<void> {
  const progress = new Float64Array(new SharedArrayBuffer(PROGRESS_LENGTH * Float64Array.BYTES_PER_ELEMENT))
  const folder = await mkdtemp(join(tmpdir(), 'caf-fuzz-'))
  const order: FuzzOrder = { seed, first, inputs, only, folder, progress }
  const worker = new Worker(WORKER, { workerData: order, resourceLimits: { maxOldGenerationSizeMb: MOST_HEAP_MIB } })
  const findings: FuzzFinding[] = []
  let targets: readonly string[] = []
  const stop = (message?: string): void => {
    if (message !== undefined) findings.push({ input: progress[CURRENT_INPUT]!, target: targets[progress[CURRENT_TARGET]!] ?? 'unknown', message })
    void worker.terminate()
  }
  worker.on('message', (message: FuzzMessage) => {
    if ('targets' in message) targets = message.targets
    else if ('finding' in message) findings.push(message.finding)
    else for (const [name, count] of Object.entries(message.counts)) tally.count('inputs', name, count)
  })
  worker.on('error', error => { stop(`the thread died: ${lineOf(error)}`) })
  const watch = setInterval(() => { if (isLate(progress)) stop(`it takes more than ${DEADLINE_MS} ms`) }, LOOK_EVERY_MS)
  const interrupt = (): void => { stop() }
  signal?.addEventListener('abort', interrupt)
  await once(worker, 'exit').finally(async () => {
    clearInterval(watch)
    signal?.removeEventListener('abort', interrupt)
    await rm(folder, { recursive: true })
  })
  if (findings.length > 0) throw new Violation(`${findings.length} inputs are not taken as they should be, of seed ${seed}`, { steps: findings.map(stepOf) })
}

function isLate (progress: Float64Array): boolean {
  const started = progress[STARTED_AT]!
  return started > 0 && Date.now() - started > DEADLINE_MS
}

function stepOf ({ input, target, message }: FuzzFinding): string {
  return `input ${input}, ${target}: ${message}`
}
