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

/** Makes the large objects of the item, with their numbers, in a database that has none. */
export async function loadBlobs (client: pg.Client, item: RestoreItem, options: AbortOptions = {}): Promise<void> {
  await forItem({ action: `load ${item.id}`, item: item.id }, async () => {
    await client.query('CREATE TEMPORARY TABLE caf_pages (loid oid, page int, data bytea)')
    await copyIn(client, 'COPY pg_temp.caf_pages (loid, page, data) FROM STDIN', item.read(options), options)
    await makeFromPages(client)
  })
}

async function makeFromPages (client: pg.Client): Promise<void> {
  await client.query('SELECT count(lo_create(loid)) FROM (SELECT DISTINCT loid FROM pg_temp.caf_pages) AS made')
  await client.query(`SELECT count(lo_put(loid, page::bigint * ${PAGE_BYTES}, data)) FROM pg_temp.caf_pages`)
  await client.query('DROP TABLE pg_temp.caf_pages')
}

/** Puts the large objects of the item in the place of the database's own. Those that stay keep their owners and rights. */
export async function replaceBlobs (client: pg.Client, item: RestoreItem, options: AbortOptions = {}): Promise<void> {
  await forItem({ action: `replace ${item.id}`, item: item.id }, async () => {
    await client.query(`
      CREATE TEMPORARY TABLE caf_owners AS SELECT oid AS loid, pg_get_userbyid(lomowner)::text AS owner, lomacl::text AS acl,
        NOT EXISTS (SELECT FROM pg_largeobject p WHERE p.loid = m.oid) AS empty FROM pg_largeobject_metadata m`)
    await client.query('SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata')
    await loadBlobs(client, item, options)
    await client.query('DELETE FROM pg_temp.caf_owners WHERE NOT empty AND loid NOT IN (SELECT oid FROM pg_largeobject_metadata)')
    await applyOwners(client, { rights: true })
  })
}

/**
 * Makes those large objects that have no page, removes those that the item does not know, and gives all their owners and rights.
 * @param rights false to leave owners and rights as they are
 */
export async function loadBlobOwners (client: pg.Client, item: RestoreItem, { rights, signal }: AbortOptions & { readonly rights: boolean }): Promise<void> {
  await forItem({ action: `load ${item.id}`, item: item.id }, async () => {
    await client.query('CREATE TEMPORARY TABLE caf_owners (loid oid, owner text, acl text)')
    await copyIn(client, 'COPY pg_temp.caf_owners (loid, owner, acl) FROM STDIN', item.read({ signal }), { signal })
    await client.query('SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata WHERE oid NOT IN (SELECT loid FROM pg_temp.caf_owners)')
    if (rights) await forgetRights(client)
    await applyOwners(client, { rights })
  })
}

const OVERWRITTEN = `
  SELECT m.oid FROM pg_largeobject_metadata m JOIN pg_temp.caf_owners o ON o.loid = m.oid
  WHERE m.lomacl IS NOT NULL AND (m.lomacl::text IS DISTINCT FROM o.acl OR pg_get_userbyid(m.lomowner) <> o.owner)`

/** No sequence of commands turns any list of rights into any other (into none, say): large objects with other rights are made again. */
async function forgetRights (client: pg.Client): Promise<void> {
  const { rows } = await client.query(`${OVERWRITTEN} LIMIT 1`)
  if (rows.length === 0) return
  await client.query(`CREATE TEMPORARY TABLE caf_pages AS SELECT loid, pageno AS page, data FROM pg_largeobject WHERE loid IN (${OVERWRITTEN})`)
  await client.query(`SELECT count(lo_unlink(oid)) FROM (${OVERWRITTEN}) AS overwritten`)
  await makeFromPages(client)
}

/** Brings the large objects in line with the temporary table, which goes. */
async function applyOwners (client: pg.Client, { rights }: { readonly rights: boolean }): Promise<void> {
  await client.query('SELECT count(lo_create(loid)) FROM pg_temp.caf_owners WHERE loid NOT IN (SELECT oid FROM pg_largeobject_metadata)')
  if (rights) for await (const batch of ownerBatches(client)) await setOwners(client, batch)
  await client.query('DROP TABLE pg_temp.caf_owners')
}

interface BlobOwner {
  readonly loid: string
  readonly owner: string
  readonly acl: string | null
}

async function * ownerBatches (client: pg.Client): AsyncGenerator<readonly BlobOwner[]> {
  let last = '0'
  for (;;) {
    const { rows } = await client.query<BlobOwner>(`
      SELECT o.loid::text, o.owner, o.acl FROM pg_temp.caf_owners o JOIN pg_largeobject_metadata m ON m.oid = o.loid
      WHERE o.loid > $1 AND (m.lomacl::text IS DISTINCT FROM o.acl OR pg_get_userbyid(m.lomowner) <> o.owner) ORDER BY o.loid LIMIT $2`, [last, BATCH])
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

/** True if the database's large objects are what the item says. */
export async function holdsBlobs (client: pg.Client, item: RestoreItem, options: AbortOptions = {}): Promise<boolean> {
  const { layout } = item
  const sql = isAboutOwners(item) ? OWNERS : PAGES
  return layout !== undefined && await item.matches({ form: 'rows', layout, read: abort => copyOut(client, sql, abort) }, options)
}

/** True of the artifact that says whose the large objects are. */
export function isAboutOwners ({ kind, layout }: RestoreItem): boolean {
  return kind === 'pg.blobs' && layout?.columns.includes('owner') === true
}
