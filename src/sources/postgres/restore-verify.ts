import PQueue from 'p-queue'
import { BackupError } from '../../errors.ts'
import type { RestoreItem } from '../source.ts'
import { sameArtifact } from './restore-comparison.ts'
import type { StatementContext } from './restore-statements.ts'
import type { TargetState } from './restore-target.ts'

export interface VerifyOptions extends StatementContext {
  /** False when the SQL of equal objects may differ, because the major version of the server that it was read from does. */
  readonly comparableSql: boolean
  readonly concurrency: number
}

/**
 * Reads back from the target what the items put there, and compares.
 * @throws {BackupError} `TARGET_DIFFERS` naming each item that is missing or another
 */
export async function verifyTarget (target: TargetState, items: readonly RestoreItem[], options: VerifyOptions): Promise<void> {
  const differing = new Set<string>()
  const queue = new PQueue({ concurrency: options.concurrency })
  try {
    await queue.addAll(items.filter(item => item.kind !== 'pg.object' || options.comparableSql).map(item => async () => {
      if (!await sameArtifact(item, await target.artifact(item.id, options), options)) differing.add(item.id)
    }))
  } finally {
    queue.clear()
    await queue.onIdle()
  }
  refuseDifferences(items.map(item => item.id).filter(id => differing.has(id)))
}

/** @throws {BackupError} `TARGET_DIFFERS` when there are any */
export function refuseDifferences (ids: readonly string[]): void {
  if (ids.length === 0) return
  const listed = ids.length > 10 ? `${ids.slice(0, 10).join(', ')} and ${ids.length - 10} more` : ids.join(', ')
  throw new BackupError('TARGET_DIFFERS', `what was read back from the target is not what was stored: ${listed}`, { data: { items: ids } })
}
