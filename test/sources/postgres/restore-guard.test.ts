import { describe, expect, it } from 'vitest'
import { foreignStatement } from '../../../src/sources/postgres/restore-guard.ts'
import { statementsOf } from '../../../src/sources/postgres/restore-sql.ts'

describe('the guard of restored SQL', () => {
  it.each([
    "COPY t FROM PROGRAM 'id'", "COPY t TO '/tmp/x'", 'COPY t FROM STDIN', "-- CREATE TABLE\nCOPY t FROM '/etc/passwd'",
    '\\! id', "\\copy t from 'x'", 'CREATE TABLE t (a int) \\g x',
    'DO $$ BEGIN END $$', 'COMMIT', 'BEGIN', 'ROLLBACK', 'SAVEPOINT a', "PREPARE TRANSACTION 'x'", 'SELECT pg_read_file($1)', 'INSERT INTO t VALUES (1)', 'DELETE FROM t',
    'DROP TABLE t', 'TRUNCATE t', 'CALL p()', "LOAD 'x'", 'IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y', 'WITH x AS (DELETE FROM t RETURNING 1) SELECT 1',
    'CREATE ROLE r SUPERUSER', 'CREATE USER r', 'create /* a */ group r', 'ALTER ROLE postgres PASSWORD $$x$$', 'ALTER USER r SUPERUSER',
    'CREATE DATABASE x', 'ALTER DATABASE x SET a = 1', 'COMMENT ON DATABASE x IS NULL', "SECURITY LABEL FOR p ON ROLE r IS 'x'", "CREATE TABLESPACE t LOCATION '/x'",
    'ALTER SYSTEM SET a = 1', 'GRANT pg_read_server_files TO PUBLIC', 'GRANT a TO b WITH ADMIN OPTION', 'REVOKE ADMIN OPTION FOR a FROM b', 'GRANT CONNECT ON DATABASE x TO y',
    'GRANT SET ON PARAMETER log_statement TO x', 'SET ROLE x', 'SET session_replication_role = replica', 'SET LOCAL default_tablespace = x', 'RESET ALL', 'SET search_path = x',
    "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p", "CREATE SUBSCRIPTION s CONNECTION 'connect = false' PUBLICATION p WITH (slot_name = 's')", '',
  ])('refuses %s', statement => { expect(foreignStatement(statement)).toBeTypeOf('string') })

  it.each([
    'CREATE TABLE public.t (a int)', '/* x */ CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; COMMIT; $$', "COMMENT ON TABLE t IS 'COPY t FROM PROGRAM'",
    'ALTER TABLE t OWNER TO "role"', 'CREATE USER MAPPING FOR r SERVER s', 'ALTER USER MAPPING FOR r SERVER s OPTIONS (a $$b$$)', 'GRANT SELECT ON TABLE t TO r', 'GRANT ALL ON SCHEMA s TO PUBLIC WITH GRANT OPTION',
    'REVOKE GRANT OPTION FOR SELECT(a) ON TABLE t FROM r', 'ALTER DEFAULT PRIVILEGES FOR ROLE r IN SCHEMA s GRANT SELECT ON TABLES TO x', 'SET SESSION AUTHORIZATION r', 'RESET SESSION AUTHORIZATION',
    "SET default_tablespace = ''", 'SET default_table_access_method = heap', 'CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()', "SECURITY LABEL FOR p ON TABLE t IS 'x'",
    "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p WITH (connect = false, slot_name = 's')", 'CREATE TABLE "database" (role text)', 'CREATE SCHEMA "role"',
    'CREATE RULE r AS ON INSERT TO t DO INSTEAD (DELETE FROM x; DELETE FROM y)',
  ])('lets %s through', statement => { expect(foreignStatement(statement)).toBeUndefined() })

  it('sees what is hidden behind a first statement', () => {
    expect(statementsOf("CREATE TABLE t (a text DEFAULT ';'); -- ;\nCOPY t FROM PROGRAM 'id'; /* end */").map(foreignStatement)).toEqual([undefined, expect.any(String)])
  })
})
