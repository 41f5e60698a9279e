import { randomUUID } from 'node:crypto'
import { CheckMemory, coverageOf } from '../cas/check-memory.ts'
import type { Coverage } from '../cas/check-memory.ts'
import { OUTCOME_PREFIX } from '../cas/layout.ts'
import type { Repository } from '../cas/repository.ts'
import { verifyObjects } from '../cas/verify-storage.ts'
import { DamageLedger } from './damage-ledger.ts'
import type { Affected, Finding } from './finding.ts'
import { readViews } from './snapshot-view.ts'
import type { SnapshotViews } from './snapshot-view.ts'
import type { ReadCount, Stage, Verification, VerifyRequest } from './verification.ts'
import { verifyData } from './verify-data.ts'
import { verifyGraphs } from './verify-graphs.ts'
import { verifyLog } from './verify-log.ts'
import { iterateInSpan } from './span.ts'

export type { Affected, Finding, VerifyRequest }

/** How far a verification went. */
export interface VerifySummary {
  /** What this run read. */
  readonly read: Readonly<ReadCount>
  /** What is known of all packs after it. */
  readonly coverage: Coverage
}

/** In this order: what a later stage reports may rest on what an earlier one noted. */
const STAGES: readonly Stage[] = [verifyRecords, verifyData, verifyGraphs, reportDamage, verifyLog]

/**
 * Checks records, index, packs and graphs of every visible snapshot, and the log; yields what is wrong and which artifacts it hits, and returns how far it went.
 * Changes nothing but its own memory of which pack was read when.
 * @throws {BackupError} `INVALID_OPTION`; `STORAGE_…` when it cannot go on
 */
export async function * verifyRepository (repository: Repository, request: VerifyRequest = {}): AsyncGenerator<Finding, VerifySummary> {
  const { traceId = randomUUID() } = request
  return yield * iterateInSpan('caf.verify', { 'caf.trace_id': traceId }, async function * (span) {
    const summary = yield * runStages(repository, request)
    span.setAttributes({ 'caf.bytes': summary.read.bytes, 'caf.packs': summary.read.packs })
    return summary
  })
}

async function * runStages (repository: Repository, request: VerifyRequest): AsyncGenerator<Finding, VerifySummary> {
  const { signal } = request
  const { views, broken, unknown } = await readViews(repository)
  yield * rootless(unknown)
  await repository.refresh({ signal }) // After the snapshots were listed, so that all they are made of is known.
  const memory = await CheckMemory.open(repository, { signal })
  const verification: Verification = { repository, request, views, broken, memory, signal, ledger: new DamageLedger(), read: { packs: 0, bytes: 0 } }
  for (const stage of STAGES) yield * stage(verification)
  signal?.throwIfAborted()
  return { read: verification.read, coverage: coverageOf(repository, memory) }
}

/** Commits that are whole and name no root. Damaged ones are found with the records. */
function * rootless (unknown: SnapshotViews['unknown']): Generator<Finding> {
  for (const { id, error: { code, message } } of unknown) {
    if (code === 'RECORD_CORRUPT') continue
    yield { severity: 'error', code, message, key: OUTCOME_PREFIX + id, affected: [{ snapshot: id, node: '*', detail: 'the whole snapshot', place: {} }] }
  }
}

/** What is derived can be made again; a record cannot. */
async function * verifyRecords ({ repository, signal }: Verification): AsyncGenerator<Finding> {
  for await (const { code, message, key, derived } of verifyObjects(repository, { signal })) {
    const snapshot = key.startsWith(OUTCOME_PREFIX) ? key.slice(OUTCOME_PREFIX.length) : undefined
    const affected = snapshot === undefined ? [] : [{ snapshot, node: '*', detail: 'the whole snapshot, if the record made one visible', place: {} }]
    yield { severity: derived === true ? 'warning' : 'error', code, message, key, affected }
  }
}

/** Yields what was noted, but for hits of snapshots that were forgotten meanwhile. */
async function * reportDamage ({ repository, ledger, signal }: Verification): AsyncGenerator<Finding> {
  const visible = new Set((await repository.visible({ onDamaged: () => undefined, signal })).map(({ id }) => id))
  yield * ledger.findings(snapshot => visible.has(snapshot))
}
