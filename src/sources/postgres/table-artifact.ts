import type { Artifact } from '../source.ts'
import type { Relation } from './catalog-relations.ts'
import type { TableRows } from './catalog-tables.ts'
import { rowsId } from './identifier.ts'
import { rowsCopy } from './row-query.ts'
import type { SnapshotReaders } from './snapshot-readers.ts'

/** The rows of one table. */
export function tableArtifact (source: string, { schema, name: table, extensionCondition }: Relation, rows: TableRows, { deps, readers }: { readonly deps: readonly string[], readonly readers: SnapshotReaders }): Artifact {
  const condition = extensionCondition ?? ''
  return {
    id: rowsId(source, schema, table),
    kind: 'pg.rows',
    deps,
    attributes: { schema, table, columns: rows.columns, generated: rows.identityAlways, ...(condition !== '' && { condition }) },
    content: {
      form: 'rows',
      layout: { columns: rows.columns, key: rows.key.map(({ order, labels }) => ({ order, ...(labels !== undefined && { labels }) })) },
      ...(rows.averageRowBytes !== undefined && { averageRowBytes: rows.averageRowBytes }),
      read: options => readers.copy(rowsCopy({ schema, table, rows, condition }), { what: `table ${schema}.${table}`, data: { schema, table } }, options),
    },
  }
}
