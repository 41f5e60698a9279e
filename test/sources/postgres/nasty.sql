-- A database with one of everything that a backup can trip over. Needs the roles nasty_owner and "Nasty ""Reader""" and the tablespace nasty_space.
CREATE EXTENSION citext;
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION hstore;
COMMENT ON EXTENSION citext IS 'no case; -- Name: fake; Type: TABLE; Schema: x; Owner: y';
GRANT EXECUTE ON FUNCTION hstore_to_json(hstore) TO nasty_owner;

CREATE SCHEMA "Sche.ma ""q"" ünï";
CREATE SCHEMA other AUTHORIZATION nasty_owner;
COMMENT ON SCHEMA other IS E'two\nlines';
ALTER DATABASE CURRENT_DATABASE_NAME SET work_mem = '5MB';
ALTER ROLE nasty_owner IN DATABASE CURRENT_DATABASE_NAME SET search_path = other, public;

CREATE TYPE mood AS ENUM ('sad', 'ok, really', 'it''s great', E'new\nline');
ALTER TYPE mood ADD VALUE 'aaa first by name' AFTER 'sad';
COMMIT; -- before the new label is used
CREATE TYPE "Pair" AS (a integer, "B b" text);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN short_name AS varchar(20) COLLATE "C" NOT NULL DEFAULT 'x';
CREATE DOMAIN deep AS short_name CONSTRAINT not_empty CHECK (VALUE <> '');
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE COLLATION "no accent" (provider = icu, locale = 'und-u-ks-level1', deterministic = false);

CREATE FUNCTION trap() RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
--
-- TOC entry 1 (class 1259 OID 1)
-- Name: fake; Type: TABLE; Schema: public; Owner: nobody
--
  -- ; CREATE TABLE injected ();
  RETURN '; -- $$ ' || "current_user"();
END;
$body$;
COMMENT ON FUNCTION trap() IS '
--
-- TOC entry 2 (class 1259 OID 2)
-- Name: fake2; Type: TABLE; Schema: public; Owner: nobody
--
';
CREATE FUNCTION atomic(n integer DEFAULT 1) RETURNS integer LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT n; SELECT CASE WHEN n > 1 THEN n ELSE 2 END; END;
CREATE FUNCTION other.atomic(n integer) RETURNS integer LANGUAGE sql IMMUTABLE RETURN n;
CREATE PROCEDURE "Do It"(INOUT x integer) LANGUAGE plpgsql AS 'BEGIN x := x + 1; END';
CREATE FUNCTION add_all(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 + $2';
CREATE AGGREGATE total(integer) (SFUNC = add_all, STYPE = integer, INITCOND = '0');
CREATE OPERATOR @+@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = add_all);
CREATE FUNCTION mood_to_int(mood) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (mood AS integer) WITH FUNCTION mood_to_int(mood);
CREATE OPERATOR FAMILY odd_family USING btree;
CREATE OPERATOR CLASS odd_ops FOR TYPE integer USING btree FAMILY odd_family AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
CREATE TEXT SEARCH DICTIONARY simple_dict (TEMPLATE = simple);
CREATE TEXT SEARCH CONFIGURATION plain_config (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION plain_config ALTER MAPPING FOR word WITH simple_dict;

CREATE TABLE "Ta.ble ""q"" ünï" (
  "Id ünï" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  serial serial,
  "select" text DEFAULT 'it''s; -- no',
  twice bigint GENERATED ALWAYS AS (serial * 2) STORED,
  m mood DEFAULT 'sad', p "Pair", d deep, r floatrange, n numeric, f double precision, f4 real,
  b bytea, j jsonb, a text[], aa integer[][], pairs "Pair"[], ts timestamptz, i interval, c char(5), u uuid, mo money, ci citext, h hstore, x xml, bits bit(3),
  CONSTRAINT "che;ck" CHECK (atomic(serial) > 0)
);
COMMENT ON COLUMN "Ta.ble ""q"" ünï"."select" IS 'a; comment';
ALTER TABLE "Ta.ble ""q"" ünï" DROP COLUMN aa;
CREATE TABLE "Sche.ma ""q"" ünï"."Ta.ble ""q"" ünï" ("new
line" integer PRIMARY KEY, "tab	bed" text);
INSERT INTO "Sche.ma ""q"" ünï"."Ta.ble ""q"" ünï" VALUES (1, E'a\tb\nc\\d\r\b\f\v'), (-2, NULL), (10, ''), (9, '\N'), (3, '\.');
INSERT INTO "Ta.ble ""q"" ünï" ("select", m, p, d, r, n, f, f4, b, j, a, pairs, ts, i, c, u, mo, ci, h, x, bits) VALUES
  ('plain', 'ok, really', '(1,"x, y")', 'd', '[1.5,2)', 'NaN', 'NaN', '-Infinity', '\x00ff5c', '{"a": [1, null, "ü\n"]}', '{"a,b",NULL,"NULL",""}', '{"(1,a)","(,)"}', '2026-01-01 00:00:00.123456+02', '1 year -2 days 03:04:05.5', 'ab', '00000000-0000-0000-0000-000000000001', 12.5, 'MiXed', 'a=>1, b=>NULL', '<a>ü</a>', B'101'),
  (NULL, NULL, NULL, 'e', 'empty', 'Infinity', '-0', 'Infinity', '', 'null', '{}', NULL, 'infinity', '0', '', NULL, '-0.01', '', '', NULL, NULL),
  (E'all: \t\n\r\\', E'new\nline', '(,)', 'f', '(,)', '-Infinity', '1e-300', '1.1754944e-38', decode(repeat('0b09', 100), 'hex'), '"\\u0000?"', NULL, '{}', '0044-03-15 12:00:00 BC', '-1 mon', E'\t', 'ffffffff-ffff-ffff-ffff-ffffffffffff', NULL, NULL, NULL, '', NULL);

CREATE TABLE empty_table (id integer PRIMARY KEY, text text);
CREATE TABLE zero_columns ();
INSERT INTO zero_columns SELECT FROM generate_series(1, 3);
CREATE TABLE only_generated (g integer GENERATED ALWAYS AS (1 + 1) STORED);
INSERT INTO only_generated DEFAULT VALUES;
CREATE TABLE keyless (a integer, b text);
INSERT INTO keyless VALUES (2, 'x'), (1, 'y'), (2, 'x'), (NULL, NULL), (NULL, NULL);
CREATE TABLE citext_key (c citext PRIMARY KEY, n integer);
INSERT INTO citext_key VALUES ('B', 1), ('a', 2);
CREATE TABLE nullable_unique (a integer UNIQUE, b integer);
INSERT INTO nullable_unique VALUES (NULL, 1), (NULL, 1), (1, 1);
CREATE TABLE unique_key (b text, a integer NOT NULL, UNIQUE (a));
INSERT INTO unique_key VALUES ('x', 2), ('y', 1);
CREATE TABLE deferred_key (v text, id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
INSERT INTO deferred_key VALUES ('x', 10), ('y', 9);
CREATE TABLE generated_key (v integer, k integer GENERATED ALWAYS AS (v * 2) STORED PRIMARY KEY);
INSERT INTO generated_key VALUES (2), (1);
CREATE TABLE wide_key (t text, n numeric, m mood, f float8, d date, ts timestamp, b boolean, by bytea, c char(3), s smallint, u uuid, nm name, ch "char", dm deep, x integer,
  PRIMARY KEY (m, t, n, f, d, ts, b, by, c, s, u, nm, ch, dm));
INSERT INTO wide_key SELECT t, n, m, f, d, '0001-01-01 BC', b, by, 'a', 1, '00000000-0000-0000-0000-000000000001', 'Name', 'c', 'd', 1
  FROM unnest(ARRAY['b', 'a', 'Ä', 'Z', 'é', '']) t, unnest(ARRAY[10, 9, 'NaN', '-Infinity']::numeric[]) n, unnest(ARRAY['sad', 'aaa first by name']::mood[]) m,
  unnest(ARRAY['NaN', 1e10, -1]::float8[]) f, unnest(ARRAY['-infinity', '0001-01-01 BC', '2026-01-01']::date[]) d, unnest(ARRAY[true, false]) b, unnest(ARRAY['\x', '\xff', '\x0a']::bytea[]) by;
CREATE TABLE accent_key (k text COLLATE "no accent" PRIMARY KEY);
INSERT INTO accent_key VALUES ('b'), ('á'), ('C');
CREATE TABLE char_key (c char(4) PRIMARY KEY);
INSERT INTO char_key VALUES ('a'), (E'a\t'), ('a!'), ('b'), ('é');
CREATE UNLOGGED TABLE unlogged (id integer PRIMARY KEY);
INSERT INTO unlogged VALUES (1);
CREATE TABLE on_space (id integer PRIMARY KEY USING INDEX TABLESPACE nasty_space) TABLESPACE nasty_space;
INSERT INTO on_space VALUES (1);
CREATE TABLE after_space (id integer PRIMARY KEY);

CREATE TABLE parent (id integer PRIMARY KEY, v text);
CREATE TABLE child (extra integer, PRIMARY KEY (id)) INHERITS (parent);
INSERT INTO parent VALUES (1, 'parent');
INSERT INTO child VALUES (2, 'child', 3);

CREATE TABLE events (day date NOT NULL, region text NOT NULL, n integer, PRIMARY KEY (day, region)) PARTITION BY RANGE (day);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (region);
CREATE TABLE a_events_2026_eu PARTITION OF events_2026 FOR VALUES IN ('eu');
CREATE TABLE other.events_2026_rest PARTITION OF events_2026 DEFAULT;
CREATE INDEX ON events (n);
INSERT INTO events VALUES ('2025-05-05', 'eu', 1), ('2026-05-05', 'eu', 2), ('2026-05-05', 'us', 3);
CREATE TABLE event_notes (day date, region text, FOREIGN KEY (day, region) REFERENCES events);
INSERT INTO event_notes VALUES ('2026-05-05', 'us');

CREATE TABLE chicken (id integer PRIMARY KEY, egg integer);
CREATE TABLE egg (id integer PRIMARY KEY, chicken integer REFERENCES chicken, self integer REFERENCES egg);
ALTER TABLE chicken ADD CONSTRAINT laid FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
INSERT INTO chicken VALUES (1, NULL); INSERT INTO egg VALUES (1, 1, 1); UPDATE chicken SET egg = 1;

CREATE TABLE secrets (id integer PRIMARY KEY, owner name DEFAULT current_user, text text);
INSERT INTO secrets VALUES (1, 'nasty_owner', 'a'), (2, 'postgres', 'b');
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON secrets TO "Nasty ""Reader""" USING (owner = CURRENT_USER);
CREATE POLICY "no; policy" ON secrets AS RESTRICTIVE FOR DELETE USING (false);
GRANT SELECT, INSERT (text) ON secrets TO "Nasty ""Reader""";
GRANT UPDATE ("select") ON "Ta.ble ""q"" ünï" TO nasty_owner WITH GRANT OPTION;
REVOKE ALL ON FUNCTION trap() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE nasty_owner IN SCHEMA other GRANT SELECT ON TABLES TO "Nasty ""Reader""";
ALTER DEFAULT PRIVILEGES FOR ROLE nasty_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER TABLE other.events_2026_rest OWNER TO nasty_owner;

CREATE VIEW a_view AS SELECT e.*, c.egg FROM egg e JOIN chicken c ON c.id = e.chicken;
CREATE VIEW grouped AS SELECT id, v, count(*) FROM parent GROUP BY id;
CREATE MATERIALIZED VIEW counted AS SELECT region, sum(n) AS n FROM events GROUP BY region;
CREATE UNIQUE INDEX counted_region ON counted (region);
CREATE MATERIALIZED VIEW "Counted Again" AS SELECT count(*) FROM counted, a_view;
CREATE MATERIALIZED VIEW not_populated AS SELECT 1 AS one WITH NO DATA;
CREATE VIEW updatable AS SELECT * FROM keyless;
CREATE RULE redirect AS ON INSERT TO updatable DO INSTEAD (INSERT INTO keyless VALUES (NEW.a, NEW.b); SELECT 1);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.v := NEW.v; RETURN NEW; END';
CREATE TRIGGER "touch;it" BEFORE UPDATE ON parent FOR EACH ROW WHEN (OLD.v IS DISTINCT FROM NEW.v) EXECUTE FUNCTION touch();
ALTER TABLE parent DISABLE TRIGGER "touch;it";
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watch_ddl ON ddl_command_end EXECUTE FUNCTION on_ddl();
CREATE STATISTICS event_stats (dependencies) ON day, region FROM events;
CREATE INDEX partial_index ON keyless (lower(b)) WHERE a > 1;
COMMENT ON INDEX partial_index IS 'indexed';
CREATE SEQUENCE alone AS smallint START 7 INCREMENT -2 MINVALUE -100 MAXVALUE 7 CYCLE;
SELECT nextval('alone'), nextval('alone');
CREATE SEQUENCE untouched;
CREATE PUBLICATION some_tables FOR TABLE keyless, parent (id, v) WHERE (id > 0);
CREATE PUBLICATION whole_schema FOR TABLES IN SCHEMA other;
CREATE SUBSCRIPTION from_elsewhere CONNECTION 'host=nowhere.invalid password=hidden' PUBLICATION p WITH (connect = false);
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere.invalid');
CREATE USER MAPPING FOR nasty_owner SERVER elsewhere OPTIONS (user 'u');
CREATE FOREIGN TABLE far_away (id integer) SERVER elsewhere;
SELECT lo_from_bytea(4711, decode(repeat('c0ffee', 2000), 'hex')), lo_create(99), lo_put(99, 5000, '\x01');
ALTER LARGE OBJECT 99 OWNER TO nasty_owner;
GRANT SELECT ON LARGE OBJECT 4711 TO nasty_owner;
