import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { batchesOf } from '../../../src/sources/postgres/restore-objects.ts'
import { stagesOf } from '../../../src/sources/postgres/restore-stages.ts'
import type { RestoreItem } from '../../../src/sources/source.ts'
import { item } from './captured-items.ts'

const object = (name: string, attributes: RestoreItem['attributes'] = {}, deps: readonly string[] = []): RestoreItem =>
  item({ id: `pg/object/${name}`, kind: 'pg.object', deps, attributes: { type: name.split(' ')[0]!, section: 'pre-data', ...attributes } }, '')
const index = (name: string, ...tables: string[]): RestoreItem => object(`INDEX ${name}`, { section: 'post-data' }, tables.map(table => `pg/object/TABLE ${table}`))
const ids = (items: readonly RestoreItem[]): string[] => items.map(({ id }) => id.replace('pg/object/', ''))

describe('the order of a restore', () => {
  it("is pg_dump's where it is known, with rights after everything and event triggers last", () => {
    const items = [
      object('EVENT TRIGGER watch', { type: 'EVENT TRIGGER', section: 'post-data' }), object('COMMENT EVENT TRIGGER watch', { of: 'pg/object/EVENT TRIGGER watch', section: 'post-data' }),
      object('ACL TABLE t', { section: 'post-data' }), index('i', 't'), object('VIEW v'), object('TABLE t'), object('FUNCTION new'),
    ]
    const stages = stagesOf(items, ['pg/object/TABLE t', 'pg/object/VIEW v', 'pg/object/INDEX i'])
    expect(ids(stages.definitions)).toEqual(['TABLE t', 'VIEW v', 'FUNCTION new'])
    expect(ids(stages.additions)).toEqual(['INDEX i'])
    expect(ids(stages.rights)).toEqual(['ACL TABLE t'])
    expect(ids(stages.eventTriggers)).toEqual(['EVENT TRIGGER watch', 'COMMENT EVENT TRIGGER watch'])
    expect(ids(stagesOf(items, []).definitions)).toEqual(['VIEW v', 'TABLE t', 'FUNCTION new'])
  })

  it('makes indexes of different tables at the same time, and what follows them afterwards', () => {
    const comment = object('COMMENT INDEX a2', { of: 'pg/object/INDEX a2' })
    const batches = batchesOf([index('a1', 'a'), index('b1', 'b'), index('a2', 'a'), comment, object('FK'), index('two', 'a', 'b'), index('c1', 'c'), object('COMMENT TABLE c', { of: 'pg/object/TABLE c' })])
    expect(batches.map(({ chains }) => chains.map(({ items }) => ids(items)))).toEqual([[['INDEX a1'], ['INDEX b1'], ['INDEX a2', 'COMMENT INDEX a2']], [['FK']], [['INDEX two']], [['INDEX c1']], [['COMMENT TABLE c']]])
  })

  it('loses nothing and keeps the order of what cannot run side by side', () => {
    const any = fc.array(fc.oneof(fc.constant('x'), fc.constantFrom('a', 'b', 'c')), { maxLength: 30 })
    fc.assert(fc.property(any, kinds => {
      const items = kinds.map((kind, at) => kind === 'x' ? object(`FK ${at}`) : index(`${kind}${at}`, kind))
      const flat = batchesOf(items).flatMap(({ chains }) => chains.flatMap(chain => chain.items))
      expect(new Set(flat)).toEqual(new Set(items))
      for (const kind of ['x', 'a', 'b', 'c']) expect(flat.filter(one => kinds[items.indexOf(one)] === kind)).toEqual(items.filter((_, at) => kinds[at] === kind))
    }))
  })
})
