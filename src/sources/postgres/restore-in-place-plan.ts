import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { factsOf } from './restore-check.ts'
import { existingObjects } from './restore-existing.ts'
import { extensionVersions } from './restore-extensions.ts'
import { majorOf } from './restore-facts.ts'
import type { DatabaseFacts } from './restore-facts.ts'
import type { RestorerSettings } from './restore-options.ts'
import { renamingOf } from './restore-renaming.ts'
import { readSql } from './restore-sql.ts'
import type { StatementContext } from './restore-statements.ts'
import type { TargetState } from './restore-target.ts'
import { readServerMajor } from './server-facts.ts'

/** What a restore in place has to do, seen from outside of its transaction. */
export interface InPlacePlan {
  readonly statements: StatementContext
  readonly facts: DatabaseFacts | undefined
  readonly major: number
  /** Objects to make. */
  readonly missing: ReadonlySet<RestoreItem>
  /** Objects that stand in the way. */
  readonly differing: readonly RestoreItem[]
}

export async function planInPlace (client: pg.Client, target: TargetState, items: readonly RestoreItem[], settings: RestorerSettings, { signal }: AbortOptions): Promise<InPlacePlan> {
  const facts = await factsOf(items, { signal })
  const major = await readServerMajor(client)
  const texts: string[] = []
  for (const item of items) if (item.kind === 'pg.object') texts.push(await readSql(item, { signal }))
  const statements = { owners: settings.owners, major, signal, renaming: renamingOf(settings.schemas, texts), extensionVersions: await extensionVersions(client, facts) }
  const comparableSql = facts === undefined || majorOf(facts) === major
  const { missing, differing } = await existingObjects(client, target, items, { ...statements, comparableSql })
  return { statements, facts, major, differing, missing: new Set(missing) }
}

/** @throws {BackupError} `TARGET_EXISTS` */
export function refuseDiffering ({ differing }: InPlacePlan): void {
  if (differing.length === 0) return
  throw new BackupError('TARGET_EXISTS', differingMessage(differing), { data: { items: differing.map(({ id }) => id) } })
}

export function differingMessage (differing: readonly RestoreItem[]): string {
  const ids = differing.map(({ id }) => id)
  const listed = ids.length > 10 ? `${ids.slice(0, 10).join(', ')} and ${ids.length - 10} more` : ids.join(', ')
  return `the database has these already, with another definition: ${listed}. Restore into another schema or database, or bring them into line first`
}
