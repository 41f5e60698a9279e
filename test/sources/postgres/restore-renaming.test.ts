import { describe, expect, it } from 'vitest'
import { renamingOf } from '../../../src/sources/postgres/restore-renaming.ts'

const RESTORED = [
  'CREATE SCHEMA shop;\nALTER SCHEMA shop OWNER TO shop;',
  "CREATE TYPE shop.mood AS ENUM ('shop.mood');",
  'CREATE FUNCTION shop.touch(m shop.mood) RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE shop.users SET a = 1; END $$;',
  'CREATE TABLE shop.users (id bigint NOT NULL, mood shop.mood[]);\nALTER TABLE shop.users OWNER TO shop;',
  'ALTER TABLE shop.users ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY ( SEQUENCE NAME shop.users_id_seq START WITH 1 );',
  'ALTER TABLE ONLY shop.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);',
  'CREATE UNIQUE INDEX "By Mood" ON shop.users USING btree (mood);',
  'CREATE TYPE shop.span AS RANGE (subtype = float8, multirange_type_name = shop.spans, subtype_diff = shop.minus);',
  'CREATE OPERATOR shop.=== (FUNCTION = shop.same, LEFTARG = shop.mood, RIGHTARG = shop.mood);',
]
const { sql, schema, id } = renamingOf({ shop: 'New Shop', other: 'other' }, RESTORED)

describe('renaming', () => {
  it.each([
    ['CREATE TABLE shop.users (mood shop.mood[])', 'CREATE TABLE "New Shop".users (mood "New Shop".mood[])'],
    ['CREATE TYPE shop.span AS RANGE (multirange_type_name = shop.spans, subtype_diff = shop.minus)', 'CREATE TYPE "New Shop".span AS RANGE (multirange_type_name = "New Shop".spans, subtype_diff = shop.minus)'],
    ['CREATE SCHEMA shop', 'CREATE SCHEMA "New Shop"'],
    ['ALTER SCHEMA shop OWNER TO shop', 'ALTER SCHEMA "New Shop" OWNER TO shop'],
    ['GRANT SELECT ON TABLE shop.users TO shop', 'GRANT SELECT ON TABLE "New Shop".users TO shop'],
    ['ALTER SEQUENCE shop.users_id_seq OWNED BY shop.users.id', 'ALTER SEQUENCE "New Shop".users_id_seq OWNED BY "New Shop".users.id'],
    ["nextval('shop.users_id_seq'::regclass)", "nextval('\"New Shop\".users_id_seq'::regclass)"],
    ["nextval(('shop.users_id_seq'::text)::regclass)", "nextval(('\"New Shop\".users_id_seq'::text)::regclass)"],
    ['ALTER INDEX shop."By Mood" ATTACH PARTITION shop.users_pkey', 'ALTER INDEX "New Shop"."By Mood" ATTACH PARTITION "New Shop".users_pkey'],
    ['SELECT a OPERATOR(shop.===) b', 'SELECT a OPERATOR("New Shop".===) b'],
    ['CREATE TRIGGER t AFTER INSERT ON shop.users EXECUTE FUNCTION shop.touch()', 'CREATE TRIGGER t AFTER INSERT ON "New Shop".users EXECUTE FUNCTION "New Shop".touch()'],
    ['SELECT "shop"."users".id FROM shop /* c */ . users', 'SELECT "New Shop"."users".id FROM "New Shop" /* c */ . users'],
    ['CREATE FUNCTION shop.touch() BEGIN ATOMIC SELECT 1 FROM shop.users; END', 'CREATE FUNCTION "New Shop".touch() BEGIN ATOMIC SELECT 1 FROM "New Shop".users; END'],
  ])('moves %s', (before, after) => { expect(sql(before)).toBe(after) })

  it.each([
    'ALTER TABLE x REFERENCES shop.orders(id)', "SELECT 'shop.users'", "SELECT 'shop.orders'::regclass", "SELECT 'shop.users'::text", "'shop.mood'", '$$ shop.users $$', '-- shop.users', 'other.users',
    'a.shop.users', 'shop', 'users', 'CREATE EXTENSION x WITH SCHEMA shop', 'Shop2.users', '"Shop".users', 'shop.users2', 'shop.====', 'OWNER TO shop',
  ])('leaves %s alone', text => { expect(sql(text)).toBe(text) })

  it('moves ids', () => {
    const plain = renamingOf({ shop: 'order' }, RESTORED)
    expect(plain.id('pg/object/TABLE shop.users')).toBe('pg/object/TABLE order.users')
    expect(plain.id('pg/object/COMMENT SCHEMA shop')).toBe('pg/object/COMMENT SCHEMA order')
    expect(id('pg/object/FUNCTION shop.touch(shop.mood)')).toBe('pg/object/FUNCTION "New Shop".touch("New Shop".mood)')
    expect(plain.sql('shop.users')).toBe('"order".users')
  })

  it('is nothing when no schema is renamed', () => {
    expect(renamingOf({ a: 'a' }, RESTORED).sql(RESTORED.join('\n'))).toBe(RESTORED.join('\n'))
    expect([schema('shop'), schema('other'), schema('third')]).toEqual(['New Shop', 'other', 'third'])
  })
})
