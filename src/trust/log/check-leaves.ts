import PQueue from 'p-queue'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import { openCheckpoint } from './checkpoint.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import type { LogFinding } from './log-finding.ts'
import { corruptFinding } from './log-finding.ts'
import { CHECKPOINT_PREFIX, ENTRY_PREFIX, NEWEST_CHECKPOINT_KEY, entryKey, numberOf, openingKey } from './log-layout.ts'
import type { Log } from './log.ts'
import { decodeOpening } from './opening.ts'
import type { Opening } from './opening.ts'

const READS_AT_ONCE = 16

/** What the storage gives of a log, each object taken by itself. */
export interface StoredLog {
  /** By their places; undefined where an entry is missing or damaged. */
  readonly leaves: ReadonlyArray<Uint8Array | undefined>
  /** What they say, as far as it can be read. */
  readonly openings: ReadonlyArray<Opening | undefined>
  /** Checkpoints with a right signature, by their keys. */
  readonly checkpoints: ReadonlyMap<string, SignedCheckpoint>
  readonly findings: readonly LogFinding[]
}

/** Reads all of a log, and says which of its objects are missing or wrong by themselves. */
export async function readStoredLog (log: Log, options: AbortOptions = {}): Promise<StoredLog> {
  const findings: LogFinding[] = []
  const checkpoints = await readCheckpoints(log, findings, options) // before the entries: those only become more
  const size = Math.max(0, ...[...checkpoints.values()].map(checkpoint => checkpoint.size), ...(await numbersIn(log, ENTRY_PREFIX, options)).map(index => index + 1))
  const queue = new PQueue({ concurrency: READS_AT_ONCE })
  const read = await queue.addAll(Array.from({ length: size }, (_, index) => async () => await readEntry(log, index, findings, options)))
  return { leaves: read.map(({ leaf }) => leaf), openings: read.map(({ opening }) => opening), checkpoints, findings }
}

async function numbersIn ({ store }: Log, prefix: string, options: AbortOptions): Promise<number[]> {
  const numbers = await Array.fromAsync(store.backend.list(prefix, options), ({ key }) => numberOf(key))
  return numbers.filter(number => number !== undefined)
}

async function readCheckpoints (log: Log, findings: LogFinding[], options: AbortOptions): Promise<Map<string, SignedCheckpoint>> {
  const found = new Map<string, SignedCheckpoint>()
  const keys = [NEWEST_CHECKPOINT_KEY, ...await Array.fromAsync(log.store.backend.list(CHECKPOINT_PREFIX, options), ({ key }) => key)]
  for (const key of keys) {
    const note = await log.store.backend.get(key, options)
    if (note === undefined) continue
    try {
      const checkpoint = openCheckpoint(note, log.key)
      const number = numberOf(key)
      if (number === undefined || number === checkpoint.size) found.set(key, checkpoint)
      else findings.push(corruptFinding(key, `is the checkpoint of ${checkpoint.size} leaves`))
    } catch (error) {
      findings.push(corruptFinding(key, `is wrong: ${messageOf(error)}`))
    }
  }
  return found
}

async function readEntry (log: Log, index: number, findings: LogFinding[], options: AbortOptions): Promise<{ leaf?: Uint8Array, opening?: Opening }> {
  const leaf = await orFinding(async () => await log.store.readLeaf(index, options), entryKey(index), findings)
  if (leaf === undefined) {
    if (!findings.some(({ key }) => key === entryKey(index))) findings.push(corruptFinding(entryKey(index), 'is missing: the log has lost a leaf'))
    return {}
  }
  const opening = await orFinding(async () => decodeOpening(await log.store.readOpening(leaf, options)), openingKey(leaf), findings)
  return opening === undefined ? { leaf } : { leaf, opening }
}

/** What `act` gives; if what it reads is damaged, a finding and undefined. */
async function orFinding<T> (act: () => Promise<T>, key: string, findings: LogFinding[]): Promise<T | undefined> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof BackupError) || error.code.startsWith('STORAGE_')) throw error
    findings.push({ severity: 'error', code: 'LOG_CORRUPT', message: error.message.includes(key) ? error.message : `${key}: ${error.message}`, key })
    return undefined
  }
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
