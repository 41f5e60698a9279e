import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { OWNERS, PAGES } from './blob-artifacts.ts'
import { copyIn, copyOut } from './copy.ts'
import { rightsStatements } from './restore-rights.ts'
import { forItem } from './restore-error.ts'

/** Bytes in a page of a large object: LOBLKSIZE. */
const PAGE_BYTES = 2048
/** How many large objects get their owner in one transaction: each takes one entry of the server's lock table. */
const BATCH = 500

/** Makes the large objects of the item, with their numbers. Those there must be none of. */
export async function loadBlobs (client: pg.Client, item: RestoreItem, options: AbortOptions = {}): Promise<void> {
  await forItem({ action: `load ${item.id}`, item: item.id }, async () => {
    await client.query('CREATE TEMPORARY TABLE caf_pages (loid oid, page int, data bytea)')
    await copyIn(client, 'COPY pg_temp.caf_pages (loid, page, data) FROM STDIN', item.read(options), options)
    await client.query('SELECT count(lo_create(loid)) FROM (SELECT DISTINCT loid FROM pg_temp.caf_pages) AS made')
    await client.query(`SELECT count(lo_put(loid, page::bigint * ${PAGE_BYTES}, data)) FROM pg_temp.caf_pages`)
    await client.query('DROP TABLE pg_temp.caf_pages')
  })
}

/**
 * Makes those large objects that have no page, and gives all their owners and rights.
 * @param rights false to leave owners and rights as they are
 */
export async function loadBlobOwners (client: pg.Client, item: RestoreItem, { rights, signal }: AbortOptions & { readonly rights: boolean }): Promise<void> {
  await forItem({ action: `load ${item.id}`, item: item.id }, async () => {
    await client.query('CREATE TEMPORARY TABLE caf_owners (loid oid, owner text, acl text)')
    await copyIn(client, 'COPY pg_temp.caf_owners (loid, owner, acl) FROM STDIN', item.read({ signal }), { signal })
    await client.query('SELECT count(lo_create(loid)) FROM pg_temp.caf_owners WHERE loid NOT IN (SELECT oid FROM pg_largeobject_metadata)')
    if (rights) for await (const batch of ownerBatches(client)) await setOwners(client, batch)
    await client.query('DROP TABLE pg_temp.caf_owners')
  })
}

interface BlobOwner {
  readonly loid: string
  readonly owner: string
  readonly acl: string | null
}

async function * ownerBatches (client: pg.Client): AsyncGenerator<readonly BlobOwner[]> {
  let last = '0'
  for (;;) {
    const { rows } = await client.query<BlobOwner>('SELECT loid::text, owner, acl FROM pg_temp.caf_owners WHERE loid > $1 ORDER BY pg_temp.caf_owners.loid LIMIT $2', [last, BATCH])
    if (rows.length === 0) return
    yield rows
    last = rows[rows.length - 1]!.loid
  }
}

async function setOwners (client: pg.Client, owners: readonly BlobOwner[]): Promise<void> {
  const statements: string[] = []
  for (const { loid, owner, acl } of owners) statements.push(...await rightsStatements(client, `LARGE OBJECT ${loid}`, { owner, acl }))
  await client.query(statements.join(';'))
}

/** Removes every large object of the database. */
export async function dropBlobs (client: pg.Client): Promise<void> {
  await client.query('SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata')
}

/** True if the database's large objects are what the items say; owners and rights are not compared when they are left out. */
export async function holdsBlobs (client: pg.Client, items: readonly RestoreItem[], { owners, signal }: AbortOptions & { readonly owners: 'keep' | 'skip' }): Promise<boolean> {
  for (const item of items) {
    const { layout } = item
    const isOwners = layout?.columns.includes('owner') === true
    if (layout === undefined || (isOwners && owners === 'skip')) continue
    const sql = isOwners ? OWNERS : PAGES
    if (!await item.matches({ form: 'rows', layout, read: options => copyOut(client, sql, options) }, { signal })) return false
  }
  return true
}
