import { FORGOTTEN_PREFIX, OUTCOME_PREFIX, SESSION_PREFIX } from '../../cas/layout.ts'
import { SessionRecord, readRecord } from '../../cas/records.ts'
import type { CommittedSnapshot, Repository } from '../../cas/repository.ts'
import { isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { StoredLog } from './check-leaves.ts'
import { rootsAt } from './check-tree.ts'
import { mismatch } from './log-finding.ts'
import type { LogFinding } from './log-finding.ts'
import { leafHash } from './merkle.ts'
import type { NoteKey } from './note-key.ts'
import { leafOfOpening } from './opening.ts'
import type { Opening } from './opening.ts'
import { parseProof, verifyProof } from './tlog-proof.ts'

/** What the log says of a snapshot. */
interface Account {
  /** `open`: proposed, and nothing said of its end yet. */
  readonly state: 'open' | 'committed' | 'abandoned'
  readonly root?: string | undefined
  readonly forgotten: boolean
  /** The operation that forgot it. */
  readonly forgottenBy?: string
}

type Accounts = Map<string, Account>

/** What the leaves say of each snapshot, the later word counting. */
export function accountsOf (openings: Iterable<Opening | undefined>): Accounts {
  const accounts: Accounts = new Map()
  for (const opening of openings) if (opening !== undefined) enter(accounts, opening)
  return accounts
}

function enter (accounts: Accounts, opening: Opening): void {
  if (opening.kind === 'adopted') {
    for (const { id, root, forgotten = false } of opening.snapshots) accounts.set(id, { state: 'committed', root, forgotten })
  }
  if (!('snapshot' in opening)) return
  const { snapshot } = opening
  const known = accounts.get(snapshot) ?? { state: 'open', forgotten: false }
  if (opening.kind === 'snapshot') accounts.set(snapshot, { ...known, root: opening.root })
  if (opening.kind === 'committed') accounts.set(snapshot, { ...known, state: 'committed', root: known.root ?? opening.root })
  if (opening.kind === 'abandoned') accounts.set(snapshot, { ...known, state: 'abandoned' })
  if (opening.kind === 'forgotten') accounts.set(snapshot, { ...known, forgotten: true, forgottenBy: opening.traceId })
}

export interface RecordCheck extends AbortOptions {
  /** To look again at what has changed since the records were read. */
  readonly repository: Pick<Repository, 'backend' | 'commits' | 'now'>
  readonly key: NoteKey
  /** False if leaves are missing or unreadable: then what they do not say proves nothing. */
  readonly complete: boolean
}

/** Compares commit records and forgotten ones with what the log says. Read the records before the log: leaves come first. */
export async function * checkRecords (records: StoredRecords, stored: StoredLog, { repository, key, complete, signal }: RecordCheck): AsyncGenerator<LogFinding> {
  const accounts = accountsOf(stored.openings)
  const lastToClose = stored.openings.findLast(opening => opening?.kind === 'snapshot' || opening?.kind === 'forgotten')?.traceId
  for (const [id, account] of accounts) {
    const outcome = records.outcomes.get(id) ?? await readOutcome(repository, id, { signal })
    yield * checkEnd(id, account, outcome)
    if (account.state === 'open' && !account.forgotten && (outcome !== undefined || !await isAtWork(repository, id, { signal }))) yield unfinished(id)
    if (!account.forgotten || records.forgotten.has(id) || await repository.backend.size(FORGOTTEN_PREFIX + id, { signal }) !== undefined) continue
    // Who forgets writes the record next, and if that is cut off the next operation does.
    const severity = account.forgottenBy === lastToClose ? 'warning' : 'error'
    yield { ...mismatch(id, FORGOTTEN_PREFIX + id, 'the log says that it was forgotten, but it is visible'), severity }
  }
  for (const [id, outcome] of records.outcomes) {
    if (outcome === 'none' || outcome === 'damaged') continue
    if (complete && !accounts.has(id)) yield mismatch(id, OUTCOME_PREFIX + id, 'its commit record was made up: the log does not know it')
  }
  for (const id of records.forgotten) {
    if (complete && accounts.get(id)?.forgotten !== true) yield mismatch(id, FORGOTTEN_PREFIX + id, 'it was made invisible, but the log does not say that it was forgotten')
  }
  yield * checkProofs(records, stored, key)
}

function * checkEnd (id: string, { state, root }: Account, outcome: StoredOutcome | undefined): Generator<LogFinding> {
  const key = OUTCOME_PREFIX + id
  if (outcome === 'damaged') return // told where records are checked
  if (state === 'committed' && (outcome === undefined || outcome === 'none')) {
    yield mismatch(id, key, outcome === undefined ? 'its commit record has vanished' : 'its commit record was replaced by one that says there is no snapshot')
  }
  if (outcome !== undefined && outcome !== 'none') {
    if (state === 'abandoned') yield mismatch(id, key, 'it has a commit record, but the log says that it was given up')
    if (root !== undefined && outcome.root !== root) yield mismatch(id, key, `its commit record names the root ${outcome.root}, the log ${root}`)
  }
}

function unfinished (id: string): LogFinding {
  const message = `snapshot ${id}: it was proposed, and the log does not say how that ended; the next operation says so, or the next garbage collection if whoever made it was cut off`
  return { severity: 'warning', code: 'LOG_MISMATCH', message, snapshot: id }
}

/** True as long as who makes the snapshot may be alive. */
async function isAtWork (repository: RecordCheck['repository'], id: string, options: AbortOptions): Promise<boolean> {
  const session = await readRecord(repository.backend, SESSION_PREFIX + id, SessionRecord, options).catch((error: unknown) => {
    if (isBackupError(error, 'RECORD_CORRUPT')) return undefined
    throw error
  })
  return session !== undefined && session.leaseUntil > repository.now()
}

/** The proof in a commit record must be of its snapshot, and the log must go on from its checkpoint. */
function * checkProofs ({ outcomes }: StoredRecords, { leaves }: StoredLog, log: NoteKey): Generator<LogFinding> {
  const heads = [...outcomes].flatMap(([id, outcome]) => {
    const proof = outcome === 'none' || outcome === 'damaged' ? undefined : proofOf(outcome)
    return proof === undefined ? [] : [{ id, ...readProof(proof, log) }]
  })
  const roots = rootsAt(leaves, heads.map(({ size }) => size ?? 0))
  for (const { id, size, root, why } of heads) {
    const key = OUTCOME_PREFIX + id
    if (size === undefined || root === undefined) yield mismatch(id, key, `the proof in its commit record is wrong: ${why ?? ''}`)
    else if (size > leaves.length) yield { severity: 'error', code: 'LOG_ROLLED_BACK', message: `the log has ${leaves.length} leaves, but the commit record of snapshot ${id} proves that it had ${size}`, key, snapshot: id }
    else if (roots.has(size) && Buffer.compare(roots.get(size)!, root) !== 0) yield { severity: 'error', code: 'LOG_ROLLED_BACK', message: `the log does not go on from the checkpoint in the commit record of snapshot ${id}: it was written anew`, key, snapshot: id }
  }
}

function proofOf ({ statements }: CommittedSnapshot): string | undefined {
  for (const statement of statements) {
    if (typeof statement === 'object' && statement !== null && 'proof' in statement && typeof statement.proof === 'string') return statement.proof
  }
  return undefined
}

function readProof (text: string, log: NoteKey): { size?: number, root?: Uint8Array, why?: string } {
  try {
    const proof = parseProof(text)
    const { size, root } = verifyProof(proof, { hash: leafHash(leafOfOpening(proof.extra ?? Buffer.of())), log })
    return { size, root }
  } catch (error) {
    if (!isBackupError(error, 'PROOF_INVALID')) throw error
    return { why: error.message }
  }
}

/** How a session ended: with this commit, without one, or nobody can tell. */
type StoredOutcome = CommittedSnapshot | 'none' | 'damaged'

/** How sessions ended, and which snapshots are forgotten, as the records say. */
export interface StoredRecords {
  readonly outcomes: ReadonlyMap<string, StoredOutcome>
  readonly forgotten: ReadonlySet<string>
}

/** Reads all records that a log speaks of. */
export async function readStoredRecords (repository: Pick<Repository, 'backend' | 'commits'>, options: AbortOptions = {}): Promise<StoredRecords> {
  const { backend } = repository
  const idsIn = async (prefix: string): Promise<string[]> => await Array.fromAsync(backend.list(prefix, options), ({ key }) => key.slice(prefix.length))
  const forgotten = new Set(await idsIn(FORGOTTEN_PREFIX))
  const outcomes = new Map<string, StoredOutcome>()
  for (const id of await idsIn(OUTCOME_PREFIX)) {
    const outcome = await readOutcome(repository, id, options)
    if (outcome !== undefined) outcomes.set(id, outcome)
  }
  return { outcomes, forgotten }
}

async function readOutcome ({ commits }: Pick<Repository, 'commits'>, id: string, options: AbortOptions): Promise<StoredOutcome | undefined> {
  try {
    return await commits.read(id, options)
  } catch (error) {
    if (isBackupError(error, 'RECORD_CORRUPT', 'SEAL_BROKEN', 'KEY_NEEDED')) return 'damaged'
    throw error
  }
}
