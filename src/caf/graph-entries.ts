import type { NodeBlock } from '../dag/node.ts'
import { readBytes } from '../dag/read-content.ts'
import { collect } from '../stream.ts'
import type { ArchiveContext } from './archive-context.ts'
import { bytesEntry, rowsEntry, rowsOf, textEntry, textOf } from './archive-context.ts'
import { databaseFacts } from './database-facts.ts'
import { encodeName } from './entry-names.ts'
import { sequencesEntry, sqlEntry } from './graph-sql.ts'
import { blobsScript, restoreScript, SETTINGS } from './restore-script.ts'
import type { DataFile } from './restore-script.ts'
import type { ZipSource } from './zip-writer.ts'

const LARGEST_JSON = 64 * 1024 * 1024

/**
 * The entries of one database, from which psql alone can restore it. `nodes` come after their deps; `folder` ends with `/`.
 * @throws {BackupError} `NODE_INVALID` when a node is not as its kind must be
 */
export async function * graphEntries (nodes: readonly NodeBlock[], folder: string, context: ArchiveContext): AsyncGenerator<ZipSource> {
  const kinds = Map.groupBy(nodes, ({ artifact }) => artifact)
  const [database] = kinds.get('pg.database') ?? []
  const facts = databaseFacts(database && await collect(readBytes(database.content.root, context.blobs, context), { limit: LARGEST_JSON }))
  if (database !== undefined) yield bytesEntry(database, `${folder}database.json`, context)

  const place = ({ id }: NodeBlock): number => facts.order.get(id) ?? Infinity
  const objects = (kinds.get('pg.object') ?? []).sort((a, b) => place(a) < place(b) ? -1 : place(a) > place(b) ? 1 : 0)
  const sections = Map.groupBy(objects, node => textOf(node, 'section') === 'post-data' ? 'post' : 'pre')
  yield sqlEntry(`${folder}schema.sql`, SETTINGS, sections.get('pre') ?? [], context)

  const files: DataFile[] = []
  for (const node of kinds.get('pg.rows') ?? []) {
    const [schema, table] = [textOf(node, 'schema'), textOf(node, 'table')]
    const path = context.names.unique(`${folder}data/${encodeName(schema)}.${encodeName(table)}`, '.copy')
    files.push({ path: path.slice(folder.length), schema, table, columns: rowsOf(node).columns })
    yield rowsEntry(node, path, context)
  }
  const blobs = kinds.get('pg.blobs') ?? []
  yield * blobEntries(blobs, folder, context)
  yield sequencesEntry(`${folder}sequences.sql`, kinds.get('pg.sequence') ?? [], context)
  yield sqlEntry(`${folder}post.sql`, '', [...sections.get('post') ?? [], ...kinds.get('pg.refresh') ?? []], context)
  yield textEntry(`${folder}restore.sql`, restoreScript({
    facts, files, hasBlobs: blobs.length > 0, hasSubscriptions: objects.some(node => textOf(node, 'type') === 'SUBSCRIPTION'),
  }))
}

/** Large objects as rows, and the SQL that makes them of these. */
async function * blobEntries (nodes: readonly NodeBlock[], folder: string, context: ArchiveContext): AsyncGenerator<ZipSource> {
  if (nodes.length === 0) return
  const files: DataFile[] = []
  for (const node of nodes) {
    const name = node.id.slice(node.id.indexOf('/') + 1)
    const path = context.names.unique(`${folder}${encodeName(name)}`, '.copy')
    files.push({ path: path.slice(folder.length), schema: '', table: name, columns: rowsOf(node).columns })
    yield rowsEntry(node, path, context)
  }
  yield textEntry(`${folder}blobs.sql`, blobsScript(files))
}
