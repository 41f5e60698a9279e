import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { copyIn } from './copy.ts'
import { quoteIdentifier, quoteQualified } from './identifier.ts'
import { forItem } from './restore-error.ts'

/** A table by its name in the target. */
export interface TableName {
  readonly schema: string
  readonly name: string
}

/** Where the rows of an item go when nothing is renamed. */
export function tableOf ({ attributes }: RestoreItem): TableName {
  return { schema: String(attributes['schema']), name: String(attributes['table']) }
}

/**
 * Adds the item's rows to `table`. Values of identity columns are taken as they are, also of those that are generated always.
 * @throws {BackupError} `TARGET_FAILED`; the table is then as it was
 */
export async function loadRows (client: pg.Client, item: RestoreItem, table: TableName, options: AbortOptions = {}): Promise<void> {
  const columns = item.layout?.columns ?? []
  const list = columns.length === 0 ? '' : ` (${columns.map(quoteIdentifier).join(', ')})`
  await forItem({ action: `load ${item.id}`, item: item.id }, async () => {
    await copyIn(client, `COPY ${quoteQualified(table.schema, table.name)}${list} FROM STDIN`, item.read(options), options)
  })
}
