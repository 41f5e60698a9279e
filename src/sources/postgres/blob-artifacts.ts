import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { Artifact } from '../source.ts'
import { blobOwnersId, blobsId } from './identifier.ts'
import type { SnapshotReaders } from './snapshot-readers.ts'

const STATE = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata) AS present, has_table_privilege('pg_catalog.pg_largeobject', 'SELECT') AS readable"
/** Large objects, page by page. */
export const PAGES = 'COPY (SELECT loid, pageno, data FROM pg_catalog.pg_largeobject ORDER BY loid, pageno) TO STDOUT'
/** Whose they are, and who may use them. */
export const OWNERS = 'COPY (SELECT oid, pg_get_userbyid(lomowner), lomacl::text FROM pg_catalog.pg_largeobject_metadata ORDER BY oid) TO STDOUT'

/** Large objects, in two artifacts; none when there are no large objects. @throws {BackupError} `SOURCE_DENIED` */
export async function blobArtifacts (source: string, client: pg.Client, readers: SnapshotReaders): Promise<Artifact[]> {
  const { rows: [state] } = await client.query<{ present: boolean, readable: boolean }>(STATE)
  if (state?.present !== true) return []
  if (!state.readable) throw new BackupError('SOURCE_DENIED', 'the database has large objects, and this user may not read them: GRANT SELECT ON pg_largeobject to it')
  return [
    {
      id: blobsId(source), kind: 'pg.blobs', deps: [], attributes: {},
      content: {
        form: 'rows', layout: { columns: ['loid', 'page', 'data'], key: [{ order: 'integer' }, { order: 'integer' }] },
        read: options => readers.copy(PAGES, { what: 'large objects', data: {} }, options),
      },
    },
    {
      id: blobOwnersId(source), kind: 'pg.blobs', deps: [blobsId(source)], attributes: {},
      content: {
        form: 'rows', layout: { columns: ['loid', 'owner', 'acl'], key: [{ order: 'integer' }] },
        read: options => readers.copy(OWNERS, { what: 'owners of large objects', data: {} }, options),
      },
    },
  ]
}
