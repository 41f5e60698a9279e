import type { Repository } from '../cas/repository.ts'
import { FORGOTTEN_PREFIX, OUTCOME_PREFIX } from '../cas/layout.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { sameKey } from '../trust/log/note-key.ts'
import type { Log } from '../trust/log/log.ts'
import { readLog } from './open-log.ts'
import { rootIn } from './proof.ts'
import type { ProvenLeaf } from './proof.ts'

/** What became, in the repository, of a snapshot that a proof names. */
export interface ProvenSnapshot {
  readonly snapshot: string
  /** `forgotten`: invisible, and the log says so. */
  readonly state: 'visible' | 'forgotten' | 'uncommitted'
}

/**
 * Looks whether the repository's log goes on from a proof's checkpoint, and has the snapshots that the leaf names as it says.
 * @throws {BackupError} `LOG_ROLLED_BACK` when the log is older or another one; `LOG_MISMATCH` when a snapshot was removed or exchanged past the log; `LOG_CORRUPT`
 */
export async function findProven (repository: Repository, proven: ProvenLeaf, options: AbortOptions = {}): Promise<ProvenSnapshot[]> {
  const log = await readLog(repository, options)
  const head = await log?.catchUp(options)
  const data = { proven: proven.checkpoint.size, found: head?.size ?? 0 }
  if (log === undefined || head === undefined || !sameKey(log.key, proven.log)) {
    throw new BackupError('LOG_ROLLED_BACK', `this repository has not the log that the proof is of (${proven.log.name})`, { data })
  }
  if (!await log.extends(proven.checkpoint, head, options)) {
    throw new BackupError('LOG_ROLLED_BACK', `the log has ${head.size} leaves and does not go on from the ${proven.checkpoint.size} that the proof has seen: the storage is an older copy, or the log was written anew`, { data })
  }
  return await Promise.all(snapshotsIn(proven).map(async snapshot => ({ snapshot, state: await stateOf(repository, log, snapshot, proven, options) })))
}

function snapshotsIn ({ opening }: ProvenLeaf): string[] {
  if (opening.kind === 'adopted') return opening.snapshots.map(({ id }) => id)
  return 'snapshot' in opening ? [opening.snapshot] : []
}

async function stateOf (repository: Repository, log: Log, snapshot: string, proven: ProvenLeaf, options: AbortOptions): Promise<ProvenSnapshot['state']> {
  const { opening } = proven
  const later = await leavesAbout(log, snapshot, proven.index, options)
  const outcome = await repository.commits.read(snapshot, options)
  const root = rootIn(opening, snapshot)
  const fail = (why: string): BackupError => new BackupError('LOG_MISMATCH', `snapshot ${snapshot}: ${why}`, { data: { snapshot, key: OUTCOME_PREFIX + snapshot } })
  if (outcome === undefined || outcome === 'none') {
    if (opening.kind !== 'snapshot' || later.includes('committed')) throw fail('its commit record has vanished')
    return 'uncommitted'
  }
  if (root !== undefined && outcome.root !== root) throw fail(`its commit record names the root ${outcome.root}, the proof ${root}`)
  if (await repository.backend.size(FORGOTTEN_PREFIX + snapshot, options) === undefined) return 'visible'
  const adopted = opening.kind === 'adopted' && opening.snapshots.some(({ id, forgotten }) => id === snapshot && forgotten === true)
  if (!adopted && !later.includes('forgotten') && opening.kind !== 'forgotten') throw fail('it was made invisible, but the log does not say that it was forgotten')
  return 'forgotten'
}

/** What the log says of a snapshot after leaf `index`. */
async function leavesAbout (log: Log, snapshot: string, index: number, options: AbortOptions): Promise<string[]> {
  const kinds: string[] = []
  for await (const { opening } of log.entries({ from: index + 1, ...options })) {
    if ('snapshot' in opening && opening.snapshot === snapshot) kinds.push(opening.kind)
  }
  return kinds
}
