import { describe, expect, it } from 'vitest'
import { isAboutRights, neededRoles } from '../../../src/sources/postgres/restore-roles.ts'

const roles = (statement: string) => {
  const { owners, grantees, named } = neededRoles([statement])
  return { owners: [...owners], grantees: [...grantees], named: [...named] }
}

describe('roles in restored SQL', () => {
  it.each([
    ['ALTER TABLE public.t OWNER TO "Some ""one";', { owners: ['Some "one'] }],
    ['ALTER FUNCTION public.f(a integer) OWNER TO bob;', { owners: ['bob'] }],
    ['GRANT SELECT,INSERT(a) ON TABLE public.t TO bob;', { grantees: ['bob'] }],
    ['GRANT ALL ON SCHEMA s TO PUBLIC;', {}],
    ['GRANT ALL ON SCHEMA s TO "public";', { grantees: ['public'] }],
    ['GRANT SELECT ON TABLE t TO bob WITH GRANT OPTION;', { grantees: ['bob'] }],
    ['REVOKE ALL ON FUNCTION f("to" integer) FROM alice;', { grantees: ['alice'] }],
    ["SET SESSION AUTHORIZATION 'it''s';", { grantees: ["it's"] }],
    ['SET SESSION AUTHORIZATION bob;', { grantees: ['bob'] }],
    ['RESET SESSION AUTHORIZATION;', {}],
    ['ALTER DEFAULT PRIVILEGES FOR ROLE bob IN SCHEMA s GRANT SELECT ON TABLES TO alice;', { grantees: ['bob', 'alice'] }],
    ['ALTER DEFAULT PRIVILEGES FOR ROLE bob REVOKE ALL ON FUNCTIONS FROM PUBLIC;', { grantees: ['bob'] }],
    ["CREATE POLICY p ON t FOR SELECT TO bob, alice USING ((who = 'x TO y'));", { named: ['bob', 'alice'] }],
    ['CREATE POLICY p ON t TO bob WITH CHECK (true);', { named: ['bob'] }],
    ['CREATE POLICY p ON t USING (((a)::text = b));', {}],
    ['CREATE POLICY "to" ON t TO PUBLIC;', {}],
    ["CREATE USER MAPPING FOR bob SERVER s OPTIONS (a 'b');", { named: ['bob'] }],
    ['CREATE USER MAPPING FOR PUBLIC SERVER s;', {}],
    ["CREATE TABLE t (a text DEFAULT 'OWNER TO bob');", {}],
    ["COMMENT ON TABLE t IS 'x OWNER TO y';", {}],
    ['CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ GRANT a TO b; $$;', {}],
  ])('of %s', (statement, expected) => { expect(roles(statement)).toEqual({ owners: [], grantees: [], named: [], ...expected }) })

  it.each(['ALTER TABLE t OWNER TO x;', 'GRANT SELECT ON t TO x;', 'REVOKE SELECT ON t FROM x;', 'ALTER DEFAULT PRIVILEGES FOR ROLE x GRANT SELECT ON TABLES TO y;', 'SET SESSION AUTHORIZATION x;', 'RESET SESSION AUTHORIZATION;'])(
    'knows that %s is about rights alone', statement => { expect(isAboutRights(statement)).toBe(true) })
  it.each(['CREATE TABLE t ();', 'ALTER TABLE t ADD CONSTRAINT owner CHECK (true);', 'CREATE POLICY p ON t TO x;', 'ALTER TABLE t ALTER a SET DEFAULT b;', 'SET default_tablespace = x;'])(
    'knows that %s is about more', statement => { expect(isAboutRights(statement)).toBe(false) })
})
