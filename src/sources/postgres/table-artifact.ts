import type { AbortOptions } from '../../stream.ts'
import type { Artifact, RowChanges } from '../source.ts'
import type { Relation } from './catalog-relations.ts'
import type { TableRows } from './catalog-tables.ts'
import { rowsId } from './identifier.ts'
import { changesCopies, rowsCopy } from './row-query.ts'
import type { SnapshotReaders } from './snapshot-readers.ts'
import type { TableReads } from './table-reads.ts'

export interface TableArtifactOptions {
  readonly deps: readonly string[]
  readonly readers: SnapshotReaders
  /** Absent when tables are always read in full. */
  readonly reads?: TableReads | undefined
}

/** The rows of one table. */
export function tableArtifact (source: string, { schema, name: table, extensionCondition }: Relation, rows: TableRows, { deps, readers, reads }: TableArtifactOptions): Artifact {
  const condition = extensionCondition ?? ''
  const id = rowsId(source, schema, table)
  const context = { what: `table ${schema}.${table}`, data: { schema, table } }
  const since = reads?.sinceOf(id)
  const changes = async (options?: AbortOptions): Promise<RowChanges> => {
    reads?.beginRead(id, 'changes')
    const [keys, changed] = changesCopies({ schema, table, rows }, since ?? '')
    const { streams: [keyBytes, rowBytes], close } = await readers.copyAll([keys, changed], context, options)
    return { keys: keyBytes!, rows: rowBytes!, close }
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
