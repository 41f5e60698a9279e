import type pg from 'pg'
import type { RestoreItem } from '../source.ts'
import { nameInId } from './identifier.ts'
import { sameArtifact } from './restore-comparison.ts'
import type { Renaming } from './restore-renaming.ts'
import type { StatementContext } from './restore-statements.ts'
import type { TargetState } from './restore-target.ts'

/** What of the items' objects a database has already. */
export interface ExistingObjects {
  /** Have to be made. */
  readonly missing: readonly RestoreItem[]
  /** Are there, but made by other SQL. */
  readonly differing: readonly RestoreItem[]
}

export interface ExistingOptions extends StatementContext {
  /** False when the SQL of equal objects may differ: then one that is there under the same name passes for equal. */
  readonly comparableSql: boolean
}

/** Compares by name, and then by SQL. A schema that objects are moved into may be any. */
export async function existingObjects (client: pg.Client, target: TargetState, items: readonly RestoreItem[], options: ExistingOptions): Promise<ExistingObjects> {
  const { rows } = await client.query<{ name: string }>('SELECT nspname AS name FROM pg_catalog.pg_namespace')
  const schemas = new Set(rows.map(({ name }) => nameInId(name)))
  const missing: RestoreItem[] = []
  const differing: RestoreItem[] = []
  for (const item of items.filter(one => one.kind === 'pg.object')) {
    const schema = movedSchema(item, options.renaming)
    if (schema !== undefined && schemas.has(schema)) continue
    const artifact = await target.artifact(options.renaming.id(item.id), options)
    if (artifact === undefined) missing.push(item)
    else if (options.comparableSql && !await sameArtifact(item, artifact, options)) differing.push(item)
  }
  return { missing, differing }
}

/** The new name of the schema that `item` is about, when it gets one. */
function movedSchema ({ id }: RestoreItem, renaming: Renaming): string | undefined {
  const [, name] = /\/object\/(?:(?:ACL|COMMENT|SECURITY LABEL) )?SCHEMA (.*)$/su.exec(renaming.id(id)) ?? []
  return renaming.id(id) === id ? undefined : name
}

/** Schemas that objects and rows are moved into. */
export function movedInto (items: readonly RestoreItem[], { schema }: Renaming): Set<string> {
  return new Set(items.flatMap(({ attributes }) => {
    const from = attributes['schema']
    return typeof from === 'string' && schema(from) !== from ? schema(from) : []
  }))
}
