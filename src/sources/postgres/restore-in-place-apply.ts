import type pg from 'pg'
import type { PrepareOptions, RestoreItem } from '../source.ts'
import { readDatabaseFacts } from './catalog-database.ts'
import { quoteIdentifier } from './identifier.ts'
import { holdsBlobs, loadBlobOwners, replaceBlobs } from './restore-blobs.ts'
import { setComment } from './restore-databases.ts'
import { forItem } from './restore-error.ts'
import { movedInto } from './restore-existing.ts'
import { checkFacts } from './restore-facts.ts'
import { checkForeignKeys } from './restore-foreign-keys.ts'
import type { InPlacePlan } from './restore-in-place-plan.ts'
import { restoreObjects } from './restore-objects.ts'
import type { RestorerSettings } from './restore-options.ts'
import { applyProperties, differingMembers } from './restore-properties.ts'
import { readBack } from './restore-read-back.ts'
import type { Renaming } from './restore-renaming.ts'
import { lockTables, replaceRows, silenceTriggers, wakeTriggers } from './restore-replace.ts'
import { tableOf } from './restore-rows.ts'
import type { TableName } from './restore-rows.ts'
import { sequenceMatches, sequenceOf, setPosition } from './restore-sequences.ts'
import { stagesOf } from './restore-stages.ts'
import type { RestoreStages } from './restore-stages.ts'
import { refuseDifferences } from './restore-verify.ts'
import { refreshView, viewOf, viewsToRefresh } from './restore-views.ts'

interface Applying extends Required<Pick<PrepareOptions, 'onItem'>>, Pick<PrepareOptions, 'signal'> {
  readonly client: pg.Client
  readonly plan: InPlacePlan
  readonly stages: RestoreStages
  readonly settings: RestorerSettings
}

/**
 * Does in the client's open transaction what the plan says, and reads it back.
 * @throws {BackupError} `TARGET_FAILED`; `TARGET_DIFFERS` for rows that did not come back as they were and for foreign keys that they break; `SOURCE_DENIED`
 */
export async function applyInPlace (client: pg.Client, plan: InPlacePlan, items: readonly RestoreItem[], settings: RestorerSettings, { signal, onItem = () => undefined }: PrepareOptions): Promise<void> {
  const stages = stagesOf(items, plan.facts?.order ?? [])
  const applying = { client, plan, stages, settings, signal, onItem }
  await createSchemas(applying, items)
  await makeObjects(applying, stages.definitions)
  const replaced = await replaceTables(applying)
  await restoreBlobs(applying)
  await setSequences(applying)
  await makeObjects(applying, stages.additions)
  await makeObjects(applying, settings.owners === 'keep' ? stages.rights : [])
  await checkForeignKeys(client, replaced)
  await refreshViews(applying, replaced)
  await makeObjects(applying, stages.eventTriggers)
  await setProperties(applying)
  await verify(applying)
}

/** Those that objects are moved into, unless an item makes them. */
async function createSchemas ({ client, plan: { statements, missing } }: Applying, items: readonly RestoreItem[]): Promise<void> {
  const made = new Set([...missing].map(({ id }) => statements.renaming.id(id).replace(/^.*?\/object\//su, '')))
  for (const schema of movedInto(items, statements.renaming)) {
    if (!made.has(`SCHEMA ${schema}`) && !made.has(`SCHEMA ${quoteIdentifier(schema)}`)) await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`)
  }
}

async function makeObjects ({ client, plan, onItem }: Applying, items: readonly RestoreItem[]): Promise<void> {
  await restoreObjects(client, items.filter(item => plan.missing.has(item)), { ...plan.statements, onItem })
  for (const item of items) if (!plan.missing.has(item)) onItem(item)
}

/** Returns the tables whose rows were others. */
async function replaceTables ({ client, plan, stages, settings, signal, onItem }: Applying): Promise<TableName[]> {
  const { renaming } = plan.statements
  const replaced: TableName[] = []
  if (stages.rows.length === 0) return replaced
  await lockTables(client, stages.rows.map(item => movedTable(tableOf(item), renaming)), { timeoutMs: settings.lockTimeoutMs })
  await silenceTriggers(client)
  for (const item of stages.rows) {
    const table = movedTable(tableOf(item), renaming)
    if (!await holdsRows(client, item, table, { signal })) {
      await replaceRows(client, item, table, { signal })
      replaced.push(table)
    }
    onItem(item)
  }
  await wakeTriggers(client)
  return replaced
}

async function holdsRows (client: pg.Client, item: RestoreItem, table: TableName, options: Pick<PrepareOptions, 'signal'>): Promise<boolean> {
  const content = await readBack(client, item, table)
  return content !== undefined && await item.matches(content, options)
}

/** Large objects belong to no table: all of the database's are taken for what the backup holds. */
async function restoreBlobs ({ client, stages: { blobs, blobOwners }, settings: { owners }, signal, onItem }: Applying): Promise<void> {
  for (const item of blobs) {
    if (!await holdsBlobs(client, item, { signal })) await replaceBlobs(client, item, { signal })
    onItem(item)
  }
  for (const item of blobOwners) {
    if (!await holdsBlobs(client, item, { signal })) await loadBlobOwners(client, item, { signal, rights: owners === 'keep' })
    onItem(item)
  }
}

async function setSequences ({ client, plan, stages, signal, onItem }: Applying): Promise<void> {
  for (const item of stages.sequences) {
    const sequence = movedTable(sequenceOf(item), plan.statements.renaming)
    if (!await sequenceMatches(client, item, sequence, { signal })) await setPosition(client, item, sequence, { signal })
    onItem(item)
  }
}

async function refreshViews ({ client, plan, stages, onItem }: Applying, replaced: readonly TableName[]): Promise<void> {
  const asked = stages.refreshes.map(item => movedTable(viewOf(item), plan.statements.renaming))
  for (const view of await viewsToRefresh(client, replaced, asked)) {
    await forItem({ action: `refresh ${view.schema}.${view.name}` }, async () => { await refreshView(client, view) })
  }
  for (const item of stages.refreshes) onItem(item)
}

/** A restore that moves objects elsewhere is no restore of the database. */
async function setProperties ({ client, plan: { facts, statements }, stages: { database: item }, settings, onItem }: Applying): Promise<void> {
  if (item === undefined || facts === undefined) return
  const { database, schemas, owners, onNote } = settings
  if (Object.keys(schemas).length === 0) {
    await applyProperties(client, database, facts, settings)
    await setComment(client, database, facts.comment ?? null)
    const differing = differingMembers(facts, checkFacts(await readDatabaseFacts(client, []), item.id), { owners, extensionVersions: statements.extensionVersions })
    if (differing.length > 0) onNote(`Database ${database} still differs from the backup in ${differing.join(', ')}, which a restore in place does not change.`)
  }
  onItem(item)
}

async function verify ({ client, plan, stages, settings: { owners }, signal }: Applying): Promise<void> {
  const differing: string[] = []
  for (const item of stages.rows) if (!await holdsRows(client, item, movedTable(tableOf(item), plan.statements.renaming), { signal })) differing.push(item.id)
  for (const item of stages.sequences) if (!await sequenceMatches(client, item, movedTable(sequenceOf(item), plan.statements.renaming), { signal })) differing.push(item.id)
  for (const item of [...stages.blobs, ...(owners === 'keep' ? stages.blobOwners : [])]) if (!await holdsBlobs(client, item, { signal })) differing.push(item.id)
  refuseDifferences(differing)
}

function movedTable ({ schema, name }: TableName, renaming: Renaming): TableName {
  return { schema: renaming.schema(schema), name }
}
