import type { AbortOptions } from '../../stream.ts'
import type { Problem, RestoreItem } from '../source.ts'
import { asProblem, checkObjects, noteVersion, problem } from './restore-check.ts'
import type { CheckContext } from './restore-check.ts'
import { differingMessage, planInPlace } from './restore-in-place-plan.ts'
import type { InPlacePlan } from './restore-in-place-plan.ts'
import type { RestorerSettings } from './restore-options.ts'
import { targetColumns } from './restore-read-back.ts'
import { MAY_NOT_SILENCE } from './restore-replace.ts'
import { tableOf } from './restore-rows.ts'
import type { TargetState } from './restore-target.ts'

/** What speaks against changing an existing database. */
export async function checkInPlace (items: readonly RestoreItem[], target: TargetState, settings: RestorerSettings, options: AbortOptions = {}): Promise<Problem[]> {
  const { server, database } = settings
  try {
    const client = await server.connect(database, options)
    try {
      const plan = await planInPlace(client, target, items, settings, options)
      const context = { client, settings, major: plan.major, facts: plan.facts }
      noteVersion(context)
      return [
        ...await checkRights(items, context), ...checkDefinitions(plan), ...await checkColumns(items, context, plan),
        ...await checkObjects(items.filter(item => item.kind !== 'pg.object' || plan.missing.has(item)), context, options),
      ]
    } finally {
      await server.release(client)
      await target.close()
    }
  } catch (error) {
    return [asProblem(error)]
  }
}

async function checkRights (items: readonly RestoreItem[], { client }: CheckContext): Promise<Problem[]> {
  if (!items.some(item => item.kind === 'pg.rows')) return []
  const { rows: [row] } = await client.query<{ may: boolean }>("SELECT has_parameter_privilege('session_replication_role', 'SET') AS may")
  return row?.may === true ? [] : [problem('SOURCE_DENIED', MAY_NOT_SILENCE)]
}

function checkDefinitions ({ differing }: InPlacePlan): Problem[] {
  return differing.length === 0 ? [] : [problem('TARGET_EXISTS', differingMessage(differing), { items: differing.map(({ id }) => id) })]
}

/** Tables that are there need the columns of the rows that they get. */
async function checkColumns (items: readonly RestoreItem[], { client }: CheckContext, { statements: { renaming }, missing }: InPlacePlan): Promise<Problem[]> {
  const made = new Set([...missing].map(({ id }) => id))
  const problems: Problem[] = []
  for (const item of items) {
    if (item.kind !== 'pg.rows' || item.deps.some(dep => made.has(dep))) continue
    const { schema, name } = tableOf(item)
    const found = await targetColumns(client, { schema: renaming.schema(schema), name })
    const lacking = item.layout?.columns.filter(column => found === undefined || !(column in found.types)) ?? []
    if (found === undefined) problems.push(problem('INVALID_OPTION', `${item.id} needs its table, which is neither in the database nor among what is restored`, { item: item.id }))
    else if (lacking.length > 0) problems.push(problem('TARGET_EXISTS', `the table for ${item.id} lacks columns ${lacking.join(', ')}`, { item: item.id, columns: lacking }))
  }
  return problems
}
