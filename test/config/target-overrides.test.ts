import { describe, expect, it } from 'vitest'
import type { SourceConfig } from '../../src/config/source-config.ts'
import { targetOverrides } from '../../src/config/target-overrides.ts'

const source = (kind: SourceConfig['kind'], name: string = kind): SourceConfig => ({ kind, name }) as SourceConfig
const SOURCES = [source('postgres'), source('qdrant'), source('files'), source('matrices')]
const place = { sources: SOURCES, cwd: '/srv' }

describe('targetOverrides', () => {
  it('gives a value to the only source that it can be for', () => {
    expect(targetOverrides({ databases: ['copy'] }, place)).toEqual({ postgres: { database: 'copy' } })
  })

  it('takes the name of a source before the value', () => {
    expect(targetOverrides({ databases: ['b=copy'], folders: ['files=a=b', 'matrices=/m'] }, { ...place, sources: [...SOURCES, source('postgres', 'b')] }))
      .toEqual({ b: { database: 'copy' }, files: { folder: '/srv/a=b' }, matrices: { folder: '/m' } })
  })

  it('asks which source is meant, unless only one of them is restored', () => {
    expect(() => targetOverrides({ folders: ['there'] }, place)).toThrow('--to-folder there could mean any of files, matrices: write --to-folder files=there')
    expect(targetOverrides({ folders: ['there'] }, { ...place, sources: [source('postgres'), source('files')] })).toEqual({ files: { folder: '/srv/there' } })
  })

  it('says when there is no source that it could be for', () => {
    expect(() => targetOverrides({ databases: ['copy'] }, { ...place, sources: [source('files')] })).toThrow('--to-database has nothing to apply to')
  })

  it('collects renamings, and refuses what is none', () => {
    expect(targetOverrides({ schemas: ['public=old', 'auth=old_auth'], collections: ['facts=copy'] }, place))
      .toEqual({ postgres: { schemas: { public: 'old', auth: 'old_auth' } }, qdrant: { collections: { facts: 'copy' } } })
    for (const wrong of ['public', '=a', 'a=', 'a=b=c']) expect(() => targetOverrides({ schemas: [wrong] }, place)).toThrow('--to-schema must be from=to')
  })
})
