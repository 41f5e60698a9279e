import type pg from 'pg'
import { quoteIdentifier } from './identifier.ts'

export interface Rights {
  readonly owner: string
  /** An `aclitem[]`, or its text; null for what the server gives by default. */
  readonly acl: string | readonly string[] | null
}

/**
 * Statements that give an object its owner and exactly these rights.
 * @param object kind and name as SQL, as in `LARGE OBJECT 4711`
 */
export async function rightsStatements (client: pg.Client, object: string, { owner, acl }: Rights): Promise<string[]> {
  const setOwner = `ALTER ${object} OWNER TO ${quoteIdentifier(owner)}`
  if (acl === null) return [setOwner]
  return [
    setOwner,
    `REVOKE ALL ON ${object} FROM PUBLIC`,
    `REVOKE ALL ON ${object} FROM ${quoteIdentifier(owner)}`,
    ...await grantsOf(client, object, { owner, acl }),
  ]
}

interface Grant {
  readonly grantor: string
  /** Null for everybody. */
  readonly grantee: string | null
  readonly privileges: string
  readonly grantable: boolean
}

/** In the list's own order, in which whoever granted a right got it before. */
async function grantsOf (client: pg.Client, object: string, { owner, acl }: Rights): Promise<string[]> {
  const { rows } = await client.query<Grant>(`
    SELECT pg_get_userbyid(grantor) AS grantor, CASE WHEN grantee <> 0 THEN pg_get_userbyid(grantee) END AS grantee,
      string_agg(privilege_type, ', ' ORDER BY privilege_type) AS privileges, is_grantable AS grantable
    FROM unnest($1::pg_catalog.aclitem[]) WITH ORDINALITY AS given (item, place), pg_catalog.aclexplode(ARRAY[item])
    GROUP BY place, grantor, grantee, is_grantable ORDER BY place, is_grantable`, [acl])
  return rows.flatMap(grant => {
    const statement = `GRANT ${grant.privileges} ON ${object} TO ${grant.grantee === null ? 'PUBLIC' : quoteIdentifier(grant.grantee)}${grant.grantable ? ' WITH GRANT OPTION' : ''}`
    return grant.grantor === owner ? [statement] : [`SET SESSION AUTHORIZATION ${quoteIdentifier(grant.grantor)}`, statement, 'RESET SESSION AUTHORIZATION']
  })
}

/** The roles that hold or granted the rights. */
export function rightsHolders (acl: readonly string[]): string[] {
  return acl.flatMap(item => {
    const [, grantee, grantor] = /^(.*)=[^=]*\/(.*)$/su.exec(item) ?? []
    return [grantee, grantor].flatMap(name => name === undefined || name === '' ? [] : name.replace(/^"(.*)"$/su, '$1').replaceAll('""', '"'))
  })
}
