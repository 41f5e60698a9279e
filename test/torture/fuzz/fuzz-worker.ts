import { parentPort, workerData } from 'node:worker_threads'
import { isBackupError } from '../../../src/errors.ts'
import { Chance } from '../chance.ts'
import { lineOf } from '../violation.ts'
import { CURRENT_INPUT, CURRENT_TARGET, STARTED_AT } from './fuzz-progress.ts'
import type { FuzzMessage, FuzzOrder } from './fuzz-progress.ts'
import type { FuzzTarget } from './target.ts'
import { fuzzTargets } from './targets.ts'

/** More than any of the inputs can need, less than a declared length that is believed asks for. */
const MOST_MEMORY = 256 * 1024 * 1024
const REPORT_EVERY = 200

const { seed, first, inputs, only, folder, progress } = workerData as FuzzOrder

async function run (): Promise<void> {
  const targets = await fuzzTargets(folder)
  post({ targets: targets.map(({ name }) => name) })
  let counts: Record<string, number> = {}
  for (let i = first; i < first + inputs; i++) {
    const chance = new Chance(`${seed}/${i}`)
    const target = only === undefined ? chance.weighted(targets) : targets.find(({ name }) => name === only)!
    progress[CURRENT_INPUT] = i
    progress[CURRENT_TARGET] = targets.indexOf(target)
    progress[STARTED_AT] = Date.now()
    const finding = await tryInput(target, chance)
    progress[STARTED_AT] = 0
    if (finding !== undefined) post({ finding: { input: i, target: target.name, message: finding } })
    counts[target.name] = (counts[target.name] ?? 0) + 1
    if ((i + 1) % REPORT_EVERY === 0) {
      post({ counts })
      counts = {}
    }
  }
  post({ counts })
}

/** What is wrong with how the target takes the input; undefined when nothing is. */
async function tryInput (target: FuzzTarget, chance: Chance): Promise<string | undefined> {
  const bytes = target.input(chance)
  const before = process.memoryUsage().arrayBuffers
  try {
    await target.parse(bytes)
  } catch (error) {
    if (!isBackupError(error)) return `${lineOf(error)} for ${shown(bytes)} ${error instanceof Error ? error.stack ?? '' : ''}`
  }
  const used = process.memoryUsage().arrayBuffers - before
  return used > MOST_MEMORY ? `takes ${used} bytes of memory for ${shown(bytes)}` : undefined
}

function shown (bytes: Uint8Array): string {
  return `${bytes.length} bytes ${Buffer.from(bytes.subarray(0, 200)).toString('hex')}`
}

function post (message: FuzzMessage): void {
  parentPort?.postMessage(message)
}

await run()
