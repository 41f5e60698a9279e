import type { Artifact, ChangesOptions, RowChanges } from '../source.ts'
import type { Relation } from './catalog-relations.ts'
import type { TableRows } from './catalog-tables.ts'
import { ChangesReader } from './changes-reader.ts'
import { rowsId } from './identifier.ts'
import { rowsCopy } from './row-query.ts'
import type { SnapshotReaders } from './snapshot-readers.ts'
import type { TableReads } from './table-reads.ts'

export interface TableArtifactOptions {
  readonly deps: readonly string[]
  readonly readers: SnapshotReaders
  /** Absent when tables are always read in full. */
  readonly reads?: TableReads | undefined
  /** How many of 64 integers in a row are keys, if that is known. */
  readonly density?: number | undefined
}

/** The rows of one table. */
export function tableArtifact (source: string, { schema, name: table, extensionCondition }: Relation, rows: TableRows, { deps, readers, reads, density }: TableArtifactOptions): Artifact {
  const condition = extensionCondition ?? ''
  const id = rowsId(source, schema, table)
  const context = { what: `table ${schema}.${table}`, data: { schema, table } }
  const since = reads?.sinceOf(id)
  const changes = async ({ withKeys = false, signal }: ChangesOptions = {}): Promise<RowChanges> => {
    const reader = new ChangesReader({ schema, table, rows, readers, context, since: since ?? '', density })
    reads?.beginRead(id, 'changes')
    return withKeys || reads?.expectsDeletions(id) === true ? await reader.readWithKeys({ signal }) : await reader.read({ signal })
  }
  return {
    id,
    kind: 'pg.rows',
    deps,
    attributes: { schema, table, columns: rows.columns, generated: rows.identityAlways, ...(condition !== '' && { condition }) },
    content: {
      form: 'rows',
      layout: { columns: rows.columns, key: rows.key.map(({ order, labels }) => ({ order, ...(labels !== undefined && { labels }) })) },
      ...(rows.averageRowBytes !== undefined && { averageRowBytes: rows.averageRowBytes }),
      read: options => {
        reads?.beginRead(id, 'full')
        return readers.copy(rowsCopy({ schema, table, rows, condition }), context, options)
      },
      ...(since !== undefined && { changes }),
    },
  }
}
