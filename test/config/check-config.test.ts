import { describe, expect, it } from 'vitest'
import { checkConfig } from '../../src/config/check-config.ts'
import { isBackupError } from '../../src/errors.ts'

const URL = 'postgres://me:hidden@host/db'

function problemsOf (value: unknown): string[] {
  try {
    checkConfig(value, 'caf.config.ts')
  } catch (error) {
    if (isBackupError(error, 'CONFIG_INVALID')) return error.message.split('\n').slice(1).map(line => line.trim())
    throw error
  }
  return []
}

describe('checkConfig', () => {
  it('accepts an empty configuration and one with everything', () => {
    expect(problemsOf({})).toEqual([])
    expect(problemsOf({
      repository: '.backups', project: 'psyche', concurrency: 2,
      retention: { maxSnapshots: 10, ttlDays: 30, keepLast: 3, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 },
      sources: {
        postgres: [{ name: 'main', url: { env: 'DB' }, replicaUrl: { file: 'replica' }, database: 'db', maxConnections: 3, reads: 'full', fullReadEvery: 5, target: { url: URL, database: 'copy' } }, { name: 'auth', url: URL }],
        qdrant: { url: 'http://localhost:6333', apiKey: { env: 'KEY' }, collections: ['facts'], target: { url: 'http://other:6333' } },
        files: { folder: 'storage', target: { folder: 'copy' } },
        matrices: { folder: 'matrices' },
      },
    })).toEqual([])
  })

  it('makes a list of every kind of source', () => {
    const { sources } = checkConfig({ sources: { files: { folder: 'a' } } }, 'caf.config.ts')
    expect(sources).toEqual({ postgres: [], qdrant: [], files: [{ folder: 'a' }], matrices: [] })
  })

  it.each([
    [{ sources: { postgres: { url: URL, maxConnections: 0 } } }, 'sources.postgres.maxConnections must be a whole number from 1'],
    [{ sources: { postgres: { url: URL, reads: 'some' } } }, "sources.postgres.reads must be 'incremental' or 'full'"],
    [{ sources: { postgres: { url: URL, maxConnections: 1.5 } } }, 'sources.postgres.maxConnections must be a whole number from 1'],
    [{ sources: { postgres: [{ url: URL }, { url: URL, maxConnections: '4' }] } }, 'sources.postgres[1].maxConnections must be a whole number from 1'],
    [{ sources: { postgres: {} } }, "sources.postgres.url is missing; it must be a text, { env: 'NAME' } or { file: 'path' }"],
    [{ sources: { postgres: { url: { env: 'A', file: 'b' } } } }, "sources.postgres.url must be a text, { env: 'NAME' } or { file: 'path' }"],
    [{ sources: { postgres: { url: 7 } } }, "sources.postgres.url must be a text, { env: 'NAME' } or { file: 'path' }"],
    [{ sources: { qdrant: { url: 'http://a', collections: 'facts' } } }, 'sources.qdrant.collections must be a list of names of collections'],
    [{ sources: { qdrant: { url: 'http://a', collections: ['facts', 7] } } }, 'sources.qdrant.collections must be a list of names of collections'],
    [{ sources: { files: 'storage' } }, 'sources.files must be an object'],
    [{ sources: { files: { name: 'My Files', folder: 'a' } } }, 'sources.files.name must be a name of small letters, digits and hyphens'],
    [{ sources: { postgre: { url: URL } } }, 'sources.postgre is no known field; did you mean postgres?'],
    [{ sources: { postgres: { url: URL, maxConnection: 2 } } }, 'sources.postgres.maxConnection is no known field; did you mean maxConnections?'],
    [{ sources: { files: { folder: 'a', target: { foldr: 'b', folder: 'c' } } } }, 'sources.files.target.foldr is no known field; did you mean folder?'],
    [{ repositry: 'a' }, 'repositry is no known field; did you mean repository?'],
    [{ zzz: 'a' }, 'zzz is no known field; known here are repository, project, concurrency, secret, sealing, retention, consensus, sources'],
    [{ repository: '' }, 'repository must be the path of a folder'],
    [{ retention: { maxSnapshots: 0 } }, 'retention.maxSnapshots must be a whole number from 1'],
    [{ retention: 7 }, 'retention must be an object'],
    [{ 'a/b~c': 1 }, 'a/b~c is no known field; known here are repository, project, concurrency, secret, sealing, retention, consensus, sources'],
    [null, 'it must be an object with the configuration'],
    [[], 'it must be an object with the configuration'],
  ])('answers %j', (value, problem) => {
    expect(problemsOf(value)).toEqual([problem])
  })

  it('names every wrong field at once, and no value', () => {
    const problems = problemsOf({ concurrency: 'secret-a', sources: { postgres: { url: ['secret-b'], name: 'SECRET' }, qdrant: { url: 'http://q', apikey: 'secret-c' } } })
    expect(problems).toHaveLength(4)
    expect(problems.join()).not.toMatch(/secret-/i)
  })
})
