import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { useCanonicalText } from '../../../src/sources/postgres/canonical-session.ts'
import { quoteIdentifier, quoteQualified } from '../../../src/sources/postgres/identifier.ts'
import { sqlStatements } from '../../../src/sources/postgres/sql-lexer.ts'
import type { CapturedArtifact } from './captured-artifacts.ts'

/** These change what is created after them, so they come last in every order. */
const LAST = new Set(['DEFAULT ACL', 'EVENT TRIGGER'])

/**
 * Brings artifacts back into an empty database in an order that `random` chooses among all that their deps allow. Only right deps
 * make that work whatever is chosen.
 * @param random numbers from 0 to 1
 */
export async function replay (client: pg.Client, artifacts: ReadonlyMap<string, CapturedArtifact>, random: () => number): Promise<void> {
  await useCanonicalText(client)
  await client.query('SET check_function_bodies = off; SET default_table_access_method = heap')
  const isLast = ([, { attributes }]: [string, CapturedArtifact]): boolean => LAST.has(String(attributes['type']))
  const all = [...artifacts]
  const done = new Set<string>()
  for (const group of [all.filter(entry => !isLast(entry)), all.filter(isLast)]) {
    for (let left = group; left.length > 0;) {
      const ready = left.filter(([, { deps }]) => deps.every(dep => done.has(dep)))
      const chosen = ready[Math.floor(random() * ready.length)]
      if (chosen === undefined) throw new Error(`nothing can come next of ${left.map(([id]) => id).join(', ')}`)
      await bringBack(client, ...chosen)
      done.add(chosen[0])
      left = left.filter(entry => entry !== chosen)
    }
  }
}

async function bringBack (client: pg.Client, id: string, artifact: CapturedArtifact): Promise<void> {
  try {
    await bringBackAny(client, artifact)
  } catch (error) {
    throw new Error(`${id}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

async function bringBackAny (client: pg.Client, { kind, attributes, layout, text }: CapturedArtifact): Promise<void> {
  switch (kind) {
    case 'pg.object':
      // An option that pg_dump 18 writes for what PostgreSQL 15 always does.
      for (const statement of sqlStatements(text)) await client.query(statement.replace(', run_as_owner = true', ''))
      return
    case 'pg.refresh':
      await client.query(text)
      return
    case 'pg.rows': {
      const columns = (layout?.columns ?? []).map(quoteIdentifier).join(', ')
      const name = quoteQualified(String(attributes['schema']), String(attributes['table']))
      await pipeline(Readable.from([text]), client.query(copyFrom(`COPY ${name} ${columns === '' ? '' : `(${columns})`} FROM STDIN`)))
      return
    }
    case 'pg.sequence': {
      const { lastValue, isCalled } = JSON.parse(text) as { lastValue: string, isCalled: boolean }
      await client.query('SELECT setval($1::regclass, $2, $3)', [quoteQualified(String(attributes['schema']), String(attributes['name'])), lastValue, isCalled])
      return
    }
    case 'pg.blobs':
      if (layout?.columns.includes('page') !== true) return
      await client.query('CREATE TEMPORARY TABLE pages (loid oid, page integer, data bytea)')
      await pipeline(Readable.from([text]), client.query(copyFrom('COPY pages FROM STDIN')))
      await client.query('SELECT lo_create(loid) FROM (SELECT DISTINCT loid FROM pages) p; SELECT lo_put(loid, page * 2048, data) FROM pages; DROP TABLE pages')
      return
    default: // is there already, or is not of a database
  }
}
