import { FORGOTTEN_PREFIX, OUTCOME_PREFIX } from '../../cas/layout.ts'
import { OutcomeRecord, readRecord } from '../../cas/records.ts'
import type { Repository } from '../../cas/repository.ts'
import { parseCid } from '../../dag/block.ts'
import { isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Log } from '../log/log.ts'
import { growLog } from '../log/log-growth.ts'
import { decodeOpening } from '../log/opening.ts'
import type { Opening } from '../log/opening.ts'
import { verifySnapshot } from '../verify/verify-snapshot.ts'
import type { VerificationOptions } from '../verify/verify-snapshot.ts'
import type { Inspection, NewLeaves } from './witness.ts'

export interface InspectOptions extends AbortOptions, Pick<VerificationOptions, 'data' | 'random'> {
  readonly repository: Repository
  /** The repository's log, read without what this host remembers: the witness has its own state. */
  readonly log: Log
}

/** Leaves read at the same time. */
const READ_AT_ONCE = 64

interface Proposed {
  readonly snapshot: string
  readonly root: string
}

/**
 * Reads what the new leaves say in the storage itself and re-verifies every snapshot that they propose and that can still become, or is, visible.
 * @throws {BackupError} `STORAGE_…`, `KEY_NEEDED` when it could not look
 */
export async function inspectLeaves ({ from, to, verified }: NewLeaves, options: InspectOptions): Promise<Inspection> {
  const { repository, log, signal } = options
  try {
    await repository.refresh({ signal })
    const leaves = await readLeaves(from.size, to.size, options)
    const { head } = await growLog(log.store, from, leaves, { signal })
    if (Buffer.compare(head.root, to.root) !== 0) return { refusal: `leaves ${from.size} to ${to.size - 1} in the storage are not those that the checkpoint has` }
    const openings: Opening[] = []
    for (const leaf of leaves) openings.push(decodeOpening(await log.store.readOpening(leaf, { signal })))
    return await verifyProposed(openings, verified, options)
  } catch (error) {
    if (isBackupError(error, 'LOG_CORRUPT', 'RECORD_CORRUPT', 'BLOCK_INVALID')) return { refusal: error.message }
    throw error
  }
}

async function readLeaves (begin: number, end: number, { log, signal }: InspectOptions): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = []
  while (begin + leaves.length < end) {
    signal?.throwIfAborted()
    leaves.push(...await log.store.readLeaves(begin + leaves.length, Math.min(READ_AT_ONCE, end - begin - leaves.length), { signal }))
  }
  return leaves
}

async function verifyProposed (openings: readonly Opening[], verified: readonly string[], options: InspectOptions): Promise<Inspection> {
  const { repository, data, random, signal } = options
  const found = new Set(verified)
  const visible = (await repository.visible({ signal, onDamaged: () => undefined })).map(commit => commit.root)
  const committed = new Set([...visible, ...verified, ...openings.flatMap(opening => 'root' in opening ? opening.root : [])])
  for (const { snapshot, root } of proposedIn(openings, found)) {
    if (found.has(root) || await isOver(snapshot, options)) continue
    const blobs = await repository.openReader({ signal })
    try {
      const { errors } = await verifySnapshot({ snapshot, root: parseCid(root, 'a leaf of the log'), blobs, committed }, { data, random, verified: parent => found.has(parent), signal })
      // It may have been given up while it was read.
      if (errors.length > 0 && await isOver(snapshot, options)) continue
      if (errors.length > 0) return { refusal: `snapshot ${snapshot} (${root}): ${errors.join('; ')}` }
      found.add(root)
    } finally {
      await blobs.close()
    }
  }
  return { verified: [...found].filter(root => !verified.includes(root)) }
}

/** Snapshots proposed, or committed without having been verified here, of which no later leaf says that they are over. */
function proposedIn (openings: readonly Opening[], verified: ReadonlySet<string>): Proposed[] {
  let proposed: Proposed[] = []
  for (const opening of openings) {
    const isOver = opening.kind === 'abandoned' || opening.kind === 'forgotten'
    if (isOver) proposed = proposed.filter(({ snapshot }) => snapshot !== opening.snapshot)
    else if ((opening.kind === 'snapshot' || opening.kind === 'committed') && !verified.has(opening.root)) proposed.push(opening)
  }
  return proposed
}

/** True if the snapshot will never be visible, or is not any more: its blobs may be gone. */
async function isOver (snapshot: string, { repository: { backend }, signal }: InspectOptions): Promise<boolean> {
  const outcome = await readRecord(backend, OUTCOME_PREFIX + snapshot, OutcomeRecord, { signal })
  if (outcome !== undefined && outcome.outcome !== 'commit') return true
  return await backend.size(FORGOTTEN_PREFIX + snapshot, { signal }) !== undefined
}
