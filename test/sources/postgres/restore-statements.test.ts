import { describe, expect, it } from 'vitest'
import { NO_RENAMING } from '../../../src/sources/postgres/restore-renaming.ts'
import { adapted } from '../../../src/sources/postgres/restore-statements.ts'
import type { StatementContext } from '../../../src/sources/postgres/restore-statements.ts'
import { item } from './captured-items.ts'

const adapt = (sql: string, { type = 'TABLE', ...context }: Partial<StatementContext> & { readonly type?: string } = {}): string[] =>
  adapted(sql, item({ id: 'pg/object/x', kind: 'pg.object', attributes: { type } }, sql), { renaming: NO_RENAMING, owners: 'keep', major: 18, extensionVersions: new Map(), ...context }).map(statement => statement.trim())

describe('SQL for a target', () => {
  it('leaves owners and rights out when told to', () => {
    const sql = 'CREATE TABLE t (owner int);\nALTER TABLE t OWNER TO x;\nGRANT SELECT ON t TO y;\nALTER TABLE t ADD CONSTRAINT owner CHECK (true);\n-- end\n'
    expect(adapt(sql)).toHaveLength(4)
    expect(adapt(sql, { owners: 'skip' })).toEqual(['CREATE TABLE t (owner int);', 'ALTER TABLE t ADD CONSTRAINT owner CHECK (true);'])
  })

  it('leaves a setting out that the server does not know', () => {
    const sql = 'SET transaction_timeout = 0; CREATE TABLE t ();'
    expect(adapt(sql, { major: 17 })).toHaveLength(2)
    expect(adapt(sql, { major: 16 })).toEqual(['CREATE TABLE t ();'])
  })

  it('makes subscriptions without their slot, with the options that the server knows', () => {
    const sql = "CREATE SUBSCRIPTION \"with\" CONNECTION 'host=a, with (x)' PUBLICATION p WITH (connect = false, slot_name = 's', run_as_owner = true, failover = true);\nALTER SUBSCRIPTION \"with\" OWNER TO x;"
    const made = (options: string): string[] => [`CREATE SUBSCRIPTION "with" CONNECTION 'host=a, with (x)' PUBLICATION p WITH (${options});`, 'ALTER SUBSCRIPTION "with" OWNER TO x;']
    expect(adapt(sql, { type: 'SUBSCRIPTION', major: 15 })).toEqual(made('connect = false, slot_name = NONE'))
    expect(adapt(sql, { type: 'SUBSCRIPTION', major: 16 })).toEqual(made('connect = false, run_as_owner = true, slot_name = NONE'))
    expect(adapt(sql, { type: 'SUBSCRIPTION', major: 18 })).toEqual(made('connect = false, run_as_owner = true, failover = true, slot_name = NONE'))
  })

  it('makes extensions in the version that was captured, if the server has it', () => {
    const versions = new Map([['my-ext', '1.0']])
    expect(adapt('CREATE EXTENSION IF NOT EXISTS "my-ext" WITH SCHEMA public;', { type: 'EXTENSION', extensionVersions: versions })).toEqual(['CREATE EXTENSION IF NOT EXISTS "my-ext" WITH SCHEMA public VERSION "1.0";'])
    expect(adapt('CREATE EXTENSION other;', { type: 'EXTENSION', extensionVersions: versions })).toEqual(['CREATE EXTENSION other;'])
  })
})
