import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'
import type { LoadRequest } from '../../src/config/load-config.ts'
import type { PostgresConfig, QdrantConfig } from '../../src/config/source-config.ts'
import { BackupError } from '../../src/errors.ts'

let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-test-config-')) })
afterEach(async () => { await rm(folder, { recursive: true }) })

const put = async (name: string, content: string): Promise<void> => { await writeFile(join(folder, name), content) }
const load = async (request: Partial<LoadRequest> = {}) => await loadConfig({ cwd: folder, env: {}, ...request })
const refusal = async (request: Partial<LoadRequest> = {}): Promise<BackupError> => {
  const error: unknown = await load(request).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(BackupError)
  expect((error as BackupError).code).toBe('CONFIG_INVALID')
  return error as BackupError
}

describe('loadConfig', () => {
  it('has a default for everything', async () => {
    const sealing = { required: false, ownSecret: false }
    const consensus = { logOnly: [] }
    const folders = { cacheFolder: '/cache/caf', stateFolder: '/state/caf' }
    expect(await load({ env: { XDG_CACHE_HOME: '/cache', XDG_STATE_HOME: '/state' } })).toEqual({ file: undefined, repository: join(folder, '.backups'), project: 'default', concurrency: 4, sealing, consensus, ...folders, retention: {}, sources: [] })
    expect(await load()).toMatchObject({ cacheFolder: join(homedir(), '.cache/caf'), stateFolder: join(homedir(), '.local/state/caf') })
    expect(await load({ env: { CAF_STATE_DIR: '/kept', XDG_STATE_HOME: '/state' } })).toMatchObject({ stateFolder: '/kept' })
  })

  it('reads a TypeScript file in the folder or above it, and takes its paths from there', async () => {
    await put('caf.config.ts', 'interface Unused { x: number }\nconst folder: string = "storage"\nexport default { repository: "b", sources: { files: { folder } } }')
    await mkdir(join(folder, 'deep/er'), { recursive: true })
    const config = await load({ cwd: join(folder, 'deep/er') })
    expect(config).toMatchObject({ file: join(folder, 'caf.config.ts'), repository: join(folder, 'b') })
    expect(config.sources).toEqual([{ kind: 'files', name: 'files', whenChanged: 'fail', folder: join(folder, 'storage'), target: { folder: join(folder, 'storage') } }])
  })

  it('prefers flags over the environment, the environment over the file, the file over the defaults', async () => {
    await put('caf.config.json', JSON.stringify({ project: 'file', repository: 'file', concurrency: 2, sources: { files: { folder: 'file', name: 'docs' } } }))
    const env = { CAF_PROJECT: 'env', CAF_REPOSITORY: 'env', CAF_FILES_FOLDER: 'env', CAF_CONCURRENCY: '' }
    const config = await load({ env, flags: { project: 'flag' } })
    expect(config).toMatchObject({ project: 'flag', repository: join(folder, 'env'), concurrency: 2 })
    expect(config.sources).toMatchObject([{ name: 'docs', folder: join(folder, 'env') }])
  })

  it('takes the file that --config or CAF_CONFIG names, and says when it is not there', async () => {
    await put('other.json', '{ "project": "other" }')
    expect(await load({ file: 'other.json' })).toMatchObject({ project: 'other' })
    expect(await load({ env: { CAF_CONFIG: 'other.json' } })).toMatchObject({ project: 'other' })
    expect((await refusal({ file: 'none.ts' })).message).toBe(`${join(folder, 'none.ts')} does not exist`)
  })

  it('refuses two files in one folder', async () => {
    await put('caf.config.json', '{}')
    await put('caf.config.ts', 'export default {}')
    expect((await refusal()).message).toContain('remove one')
  })

  it.each([
    ['caf.config.json', '{ "sources": hidden }', 'is not valid JSON'],
    ['caf.config.json', '{ "project": "a"\n "hidden": 1 }', 'is not valid JSON at line 2 column 2'],
    ['caf.config.ts', 'export const config = { project: "hidden" }', 'has no default export'],
    ['caf.config.ts', 'export default { project: await Promise.resolve("hidden") }', 'waits at its top level'],
    ['caf.config.ts', 'const hidden: = 1', 'cannot be loaded'],
    ['caf.config.ts', 'import "./none.ts"\nexport default {}', 'cannot be loaded'],
    ['caf.config.ts', 'export default { concurrency: "hidden" }', 'concurrency must be a whole number from 1'],
  ])('says what is wrong with %s holding %j, without quoting it', async (name, content, problem) => {
    await put(name, content)
    const error = await refusal()
    expect(error.message).toContain(join(folder, name))
    expect(error.message).toContain(problem)
    expect(inspect(error)).not.toContain('hidden')
  })

  it('gives environment variables a name in messages, and flags theirs', async () => {
    expect((await refusal({ env: { CAF_CONCURRENCY: '0' } })).message).toBe('CAF_CONCURRENCY must be a whole number from 1')
    expect((await refusal({ flags: { concurrency: 'x' } })).message).toBe('--concurrency must be a whole number from 1')
    await put('caf.config.json', JSON.stringify({ sources: { postgres: [{ name: 'a', url: 'postgres://a' }, { name: 'b', url: 'postgres://b' }] } }))
    expect((await refusal({ flags: { postgresUrl: 'postgres://c' } })).message).toContain('--postgres-url could mean any of the sources a, b')
  })

  it('makes sources from the environment alone', async () => {
    const config = await load({ env: { CAF_POSTGRES_URL: 'postgres://u@h/db', PGPASSWORD: 'p', CAF_QDRANT_URL: 'http://q', CAF_QDRANT_API_KEY: 'k', CAF_FILES_FOLDER: 'f', CAF_MATRICES_FOLDER: 'm' } })
    expect(config.sources.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['postgres postgres', 'qdrant qdrant', 'files files', 'matrices matrices'])
    const [postgres, qdrant] = config.sources as [PostgresConfig, QdrantConfig]
    expect([await postgres.url.reveal(), postgres.password, await qdrant.apiKey?.reveal()]).toEqual(['postgres://u@h/db', 'p', 'k'])
  })

  it('refuses two sources of one name', async () => {
    await put('caf.config.json', JSON.stringify({ sources: { files: [{ folder: 'a' }, { folder: 'b' }] } }))
    expect((await refusal()).message).toContain('two sources have the name files')
  })

  it('shows no secret, wherever it is given', async () => {
    await put('key', 'hidden-key\n')
    await put('caf.config.json', JSON.stringify({ sources: { postgres: { url: { env: 'DB' } }, qdrant: { url: 'http://q', apiKey: { file: 'key' }, target: { apiKey: 'hidden-other' } } } }))
    const config = await load({ env: { DB: 'postgres://u:hidden@h/db' } })
    expect(inspect(config, { depth: null }) + JSON.stringify(config)).not.toContain('hidden')
    const [postgres, qdrant] = config.sources as [PostgresConfig, QdrantConfig]
    expect(await postgres.url.reveal()).toBe('postgres://u:hidden@h/db')
    expect(await qdrant.apiKey?.reveal()).toBe('hidden-key')
    expect(await qdrant.target.apiKey?.reveal()).toBe('hidden-other')
  })

  it('needs a secret only when it is used, and then names field and place', async () => {
    await put('empty', '\n')
    await put('caf.config.json', JSON.stringify({ sources: { postgres: { url: { env: 'DB' }, replicaUrl: { file: 'none' }, target: { url: { file: 'empty' } } } } }))
    const [postgres] = (await load()).sources as [PostgresConfig]
    await expect(postgres.url.reveal()).rejects.toThrow('sources.postgres.url is to come from the environment variable DB, which is not set')
    await expect(postgres.replicaUrl?.reveal()).rejects.toThrow(`sources.postgres.replicaUrl is to come from the file ${join(folder, 'none')}, which cannot be read`)
    await expect(postgres.target.url?.reveal()).rejects.toThrow('which is empty')
  })

  it('sends a key to no other server than the one it belongs to', async () => {
    await put('caf.config.json', JSON.stringify({ sources: { qdrant: { url: 'http://q', apiKey: 'k', target: { url: 'http://other' } } } }))
    const [qdrant] = (await load()).sources as [QdrantConfig]
    expect(qdrant.target).toEqual({ url: 'http://other', apiKey: undefined })
  })
})
