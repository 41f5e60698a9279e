import { describe, expect, it } from 'vitest'
import { selectNodes } from '../../src/engine/selection.ts'
import type { Selectable } from '../../src/engine/selection.ts'

const node = (id: string, artifact: Selectable['artifact'], attributes: Selectable['attributes'], deps: string[] = []): Selectable => ({ id, artifact, attributes, deps })
const object = (type: string, tag: string, deps: string[]) => node(`pg/object/${type} ${tag}`, 'pg.object', { type, tag }, deps)

const graph = new Map([
  object('SCHEMA', 'public', []),
  object('TABLE', 'users', ['pg/object/SCHEMA public']),
  object('TABLE', 'sessions', ['pg/object/SCHEMA public']),
  node('pg/rows/public.users', 'pg.rows', { schema: 'public', table: 'users' }, ['pg/object/TABLE users']),
  node('pg/rows/public.sessions', 'pg.rows', { schema: 'public', table: 'sessions' }, ['pg/object/TABLE sessions']),
  object('CONSTRAINT', 'users users_pkey', ['pg/object/TABLE users', 'pg/rows/public.users']),
  object('INDEX', 'sessions_started', ['pg/object/TABLE sessions', 'pg/rows/public.sessions']),
  object('COMMENT', 'INDEX sessions_started', ['pg/object/INDEX sessions_started']),
  object('FK CONSTRAINT', 'sessions sessions_user', ['pg/object/CONSTRAINT users users_pkey', 'pg/object/TABLE sessions', 'pg/rows/public.sessions', 'pg/rows/public.users']),
  object('VIEW', 'active', ['pg/object/TABLE sessions']),
  object('TYPE', 'mood', ['pg/object/SCHEMA public']),
  object('INDEX', 'sessions_mood', ['pg/object/TABLE sessions', 'pg/object/TYPE mood', 'pg/rows/public.sessions']),
  node('qdrant/collection/psyche', 'qdrant.collection', { collection: 'psyche' }),
  node('matrices/matrix/pca', 'matrix', { name: 'pca' }, ['qdrant/collection/psyche']),
].map(entry => [entry.id, entry]))

const names = (ids: ReadonlySet<string>) => [...ids].map(id => id.replace(/^pg\/(object\/)?/, '')).sort()

describe('selection', () => {
  it('takes a table with its definition and the parts that need nothing else', () => {
    expect(names(selectNodes(graph, { tables: ['public.sessions'], withDependencies: false }))).toEqual(
      ['COMMENT INDEX sessions_started', 'INDEX sessions_mood', 'INDEX sessions_started', 'TABLE sessions', 'rows/public.sessions'])
    expect(names(selectNodes(graph, { tables: ['sessions'] }))).toEqual(
      ['COMMENT INDEX sessions_started', 'INDEX sessions_mood', 'INDEX sessions_started', 'SCHEMA public', 'TABLE sessions', 'TYPE mood', 'rows/public.sessions'])
  })

  it('takes the foreign key too when both its tables are chosen', () => {
    expect(names(selectNodes(graph, { tables: ['sessions', 'users'] }))).toContain('FK CONSTRAINT sessions sessions_user')
  })

  it('takes the sequences of identity and serial columns, with their positions', () => {
    const position = (of: string): Selectable => node(`pg/sequence/public.${of}`, 'pg.sequence', { schema: 'public', name: of }, [`pg/object/SEQUENCE ${of}`])
    const more = new Map([...graph, ...[
      object('SEQUENCE', 'users_id_seq', ['pg/object/TABLE users']), position('users_id_seq'),
      object('SEQUENCE', 'sessions_n_seq', ['pg/object/SCHEMA public']), position('sessions_n_seq'),
      object('DEFAULT', 'sessions n', ['pg/object/SEQUENCE sessions_n_seq', 'pg/object/TABLE sessions']),
      object('SEQUENCE OWNED BY', 'sessions_n_seq', ['pg/object/SEQUENCE sessions_n_seq', 'pg/object/TABLE sessions']),
    ].map(entry => [entry.id, entry] as const)])
    expect(names(selectNodes(more, { tables: ['users'] }))).toEqual(expect.arrayContaining(['SEQUENCE users_id_seq', 'sequence/public.users_id_seq']))
    expect(names(selectNodes(more, { tables: ['sessions'] }))).toEqual(expect.arrayContaining(['DEFAULT sessions n', 'SEQUENCE OWNED BY sessions_n_seq', 'SEQUENCE sessions_n_seq', 'sequence/public.sessions_n_seq']))
    const alone = names(selectNodes(more, { tables: ['sessions'], withDependencies: false }))
    expect(alone).toContain('DEFAULT sessions n')
    expect(alone).not.toContain('SEQUENCE OWNED BY sessions_n_seq')
  })

  it('takes what a node is computed from, unless told not to', () => {
    expect([...selectNodes(graph, { matrices: ['pca'] })]).toEqual(['matrices/matrix/pca', 'qdrant/collection/psyche'])
    expect([...selectNodes(graph, { matrices: ['pca'], withDependencies: false })]).toEqual(['matrices/matrix/pca'])
  })

  it('says which wish the snapshot cannot meet', () => {
    expect(() => selectNodes(graph, { tables: ['users', 'nobody'] })).toThrow(expect.objectContaining({ code: 'SELECTION_EMPTY', data: { what: 'table nobody' } }))
    expect(() => selectNodes(graph, {})).toThrow(expect.objectContaining({ code: 'SELECTION_EMPTY' }))
  })
})
