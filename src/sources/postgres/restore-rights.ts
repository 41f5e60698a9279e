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

/** Whoever granted a right has to hold it first: the owner's grants come before those of others. */
async function grantsOf (client: pg.Client, object: string, { owner, acl }: Rights): Promise<string[]> {
  const { rows } = await client.query<Grant>(`
    SELECT pg_get_userbyid(grantor) AS grantor, CASE WHEN grantee <> 0 THEN pg_get_userbyid(grantee) END AS grantee,
      string_agg(privilege_type, ', ' ORDER BY privilege_type) AS privileges, is_grantable AS grantable
    FROM pg_catalog.aclexplode($1::pg_catalog.aclitem[]) GROUP BY grantor, grantee, is_grantable
    ORDER BY pg_get_userbyid(grantor) <> $2, is_grantable DESC, 1, 2`, [acl, owner])
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
