import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { OTHER_SECRET, SECRET } from '../trust/keys/secrets.ts'
import { runHere } from './run-here.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-test-key-'))
  await writeFile(join(folder, 'caf.config.json'), JSON.stringify({ repository: 'backups', sources: { files: { folder: 'storage' } } }))
  await mkdir(join(folder, 'storage'))
  await writeFile(join(folder, 'storage/plan.md'), 'nobody else may read this\n')
})
afterEach(async () => { await rm(folder, { recursive: true }) })

const withSecret = { JWT_SECRET: SECRET }
type Environment = Readonly<Record<string, string>>
const caf = async (line: string, env: Environment = withSecret) => await runHere(line.split(' '), { cwd: folder, env: { XDG_CACHE_HOME: join(folder, 'cache'), XDG_STATE_HOME: join(folder, 'state'), ...env } })

async function json<T = Record<string, unknown>> (line: string, env?: Environment): Promise<T> {
  const { status, stdout, stderr } = await caf(`${line} --json`, env)
  expect([status, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as T
}

async function failure (line: string, env?: Environment): Promise<{ readonly status: number, readonly code: string, readonly text: string }> {
  const { status, stdout, stderr } = await caf(`${line} --json`, env)
  return { status, code: (JSON.parse(stdout) as { error: { code: string } }).error.code, text: stdout + stderr }
}

interface Listed { readonly recipient: string, readonly generation: number, readonly slots: ReadonlyArray<{ readonly id: string, readonly label: string, readonly kind: string }> }

describe('a sealed repository', () => {
  it('takes a snapshot and gives it back with its secret alone', async () => {
    expect(await json('init --sealed')).toMatchObject({ sealed: true })
    await json('snapshot')
    expect(await json<unknown[]>('snapshots')).toHaveLength(1)
    await json('restore latest --to-folder restored')
    expect(await readFile(join(folder, 'restored/plan.md'), 'utf8')).toBe('nobody else may read this\n')
    const { stdout } = await promisify(execFile)('grep', ['-rlaE', 'nobody else|plan.md|files/tree', join(folder, 'backups')]).catch((error: { stdout: string }) => error)
    expect(stdout).toBe('')
    expect((await stat(join(folder, 'cache/caf'))).mode & 0o777).toBe(0o700)
  })

  it('says which variable to set when nothing is given, and that the secret is another', async () => {
    await json('init --sealed')
    const needed = await failure('snapshots', {})
    expect(needed).toMatchObject({ status: 2, code: 'KEY_NEEDED' })
    for (const variable of ['CAF_SECRET', 'JWT_SECRET', 'CAF_IDENTITY_FILE']) expect(needed.text).toContain(variable)
    expect(await failure('snapshots', { JWT_SECRET: OTHER_SECRET })).toMatchObject({ status: 2, code: 'KEY_WRONG' })
    await json('snapshots', { CAF_SECRET: SECRET, JWT_SECRET: OTHER_SECRET })
  })

  it('is not made with a weak secret, nor with none', async () => {
    const weak = 'super-secret-jwt-token-with-at-least-32-characters-long'
    const refused = await failure('init --sealed', { JWT_SECRET: weak })
    expect(refused).toMatchObject({ status: 2, code: 'SECRET_WEAK' })
    expect(refused.text).not.toContain(weak)
    expect(await failure('init --sealed', {})).toMatchObject({ code: 'KEY_NEEDED' })
    await json('init --sealed')
    expect(await failure('init --sealed')).toMatchObject({ status: 5, code: 'REPOSITORY_EXISTS' })
  })

  it('is opened by the owner of an age key', async () => {
    const identity = await generateX25519Identity()
    await writeFile(join(folder, 'anna.txt'), `# created: today\n${identity}\n`)
    await json(`init --sealed --recipient ${await identityToRecipient(identity)}`, {})
    await json('snapshot', { CAF_IDENTITY_FILE: 'anna.txt' })
    expect(await failure('snapshots', withSecret)).toMatchObject({ code: 'KEY_WRONG' })
    expect(await failure('init --recipient age1x')).toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('is wanted where the configuration has sealing, and made by init then', async () => {
    await json('init --repository open')
    await writeFile(join(folder, 'caf.config.json'), JSON.stringify({ repository: 'backups', sealing: {} }))
    expect(await failure('snapshots --repository open')).toMatchObject({ status: 2, code: 'CONFIG_INVALID' })
    expect(await json('init')).toMatchObject({ sealed: true })
  })

  it('is not taken for ours when its keys are not those of the configured recipient', async () => {
    await json('init --sealed')
    const { recipient } = await json<Listed>('key list')
    await writeFile(join(folder, 'caf.config.json'), JSON.stringify({ repository: 'backups', sealing: { recipient } }))
    const env = { CAF_SECRET: SECRET }
    await json('snapshots', env)
    await json('init --sealed --repository other', env)
    expect(await failure('snapshots --repository other', env)).toMatchObject({ code: 'KEY_WRONG' })
  })
})

describe('a host that knows the recipient alone', () => {
  it('stores snapshots that it cannot read, and others can', async () => {
    await json('init --sealed')
    const { recipient } = await json<Listed>('key list')
    await writeFile(join(folder, 'worker.json'), JSON.stringify({ repository: 'backups', sealing: { recipient }, sources: { files: { folder: 'storage' } } }))
    // The application's secret is there for the application.
    for (const env of [{}, { JWT_SECRET: OTHER_SECRET }]) await json('snapshot --config worker.json', env)
    expect(await failure('restore latest --config worker.json --to-folder nowhere', {})).not.toMatchObject({ status: 0 })
    expect(await failure('key list --config worker.json', {})).toMatchObject({ code: 'KEY_NEEDED' })
    expect(await json<unknown[]>('snapshots')).toHaveLength(2)
    await json('key rotate')
    await json('snapshot --config worker.json', {})
    await json('restore latest --to-folder restored')
    expect(await readFile(join(folder, 'restored/plan.md'), 'utf8')).toBe('nobody else may read this\n')
    await json('verify --read-data all')
  })
})

describe('caf key', () => {
  it('adds, lists and removes slots, and tells their history', async () => {
    await json('init --sealed')
    await writeFile(join(folder, 'new.secret'), `${OTHER_SECRET}\n`)
    const added = await json<{ slot: string }>('key add --new-secret-file new.secret --label ci')
    expect((await json<Listed>('key list')).slots).toMatchObject([{ label: 'secret', kind: 'secret', genuine: true }, { label: 'ci', id: added.slot }])
    expect((await caf('key list')).stdout).toContain('ci')
    expect((await caf('doctor')).stdout).toContain('generation 1 of its key has 2 slots')
    await json('snapshots', { JWT_SECRET: OTHER_SECRET })
    expect(await json('key remove ci')).toMatchObject({ act: 'remove', slot: added.slot })
    expect(await failure('snapshots', { JWT_SECRET: OTHER_SECRET })).toMatchObject({ code: 'KEY_WRONG' })
    expect(await failure('key remove secret')).toMatchObject({ status: 5, code: 'KEY_LAST' })
    expect(await failure('key remove ci')).toMatchObject({ status: 2, code: 'INVALID_OPTION' })
    expect(await json('key history')).toMatchObject([{ act: 'create' }, { act: 'add', label: 'ci' }, { act: 'remove', label: 'ci' }])
  })

  it('rotates, keeping what was stored and whom it was told to keep', async () => {
    const identity = await generateX25519Identity()
    await writeFile(join(folder, 'anna.txt'), identity)
    await writeFile(join(folder, 'ci.secret'), OTHER_SECRET)
    await json(`init --sealed --recipient ${await identityToRecipient(identity)}`)
    await json('key add --new-secret-file ci.secret --label ci')
    await json('snapshot')
    const refused = await failure('key rotate')
    expect(refused).toMatchObject({ code: 'INVALID_OPTION' })
    expect(refused.text).toContain('(ci)')
    expect(await json('key rotate --drop ci')).toMatchObject({ act: 'rotate', generation: 2, dropped: [{ label: 'ci' }] })
    await json('snapshot')
    await json('verify --read-data all')
    expect(await json<unknown[]>('snapshots', { CAF_IDENTITY_FILE: 'anna.txt' })).toHaveLength(2)
    expect(await failure('snapshots', { JWT_SECRET: OTHER_SECRET })).toMatchObject({ code: 'KEY_WRONG' })
    await json('key add --new-secret-file ci.secret --label ci')
    expect(await json('key rotate --keep-secret-file ci.secret')).toMatchObject({ generation: 3, dropped: [] })
    expect(await json<unknown[]>('snapshots', { JWT_SECRET: OTHER_SECRET })).toHaveLength(2)
  })

  it('exports a sheet that opens everything, into a file that nobody else can read', async () => {
    await json('init --sealed')
    await json('snapshot')
    await json('key rotate')
    expect(JSON.stringify(await json('key export --output sheet.txt'))).not.toContain('AGE-SECRET-KEY')
    expect((await stat(join(folder, 'sheet.txt'))).mode & 0o777).toBe(0o600)
    const sheet = await readFile(join(folder, 'sheet.txt'), 'utf8')
    const [identity = ''] = /AGE-SECRET-KEY-1\w+/.exec(sheet) ?? []
    await writeFile(join(folder, 'identity.txt'), identity)
    await json('restore latest --to-folder restored', { CAF_IDENTITY_FILE: 'identity.txt' })
    expect((await caf('key export --yes')).stdout).toContain(identity)
    expect(await failure('key export --output sheet.txt')).toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('is for sealed repositories, and asks for what it needs', async () => {
    await json('init --repository open')
    expect(await failure('key list --repository open')).toMatchObject({ status: 2, code: 'INVALID_OPTION' })
    await json('init --sealed')
    expect(await failure('key add')).toMatchObject({ code: 'INVALID_OPTION' })
    await writeFile(join(folder, 'weak.secret'), 'changeme-changeme-changeme-changeme')
    expect(await failure('key add --new-secret-file weak.secret')).toMatchObject({ code: 'SECRET_WEAK' })
    expect(await failure('key add --recipient ssh-ed25519')).toMatchObject({ code: 'INVALID_OPTION' })
    const identity = await generateX25519Identity()
    await writeFile(join(folder, 'anna.txt'), identity)
    const recipient = await identityToRecipient(identity)
    expect(await json(`key add --recipient ${recipient} --label anna`)).toMatchObject({ act: 'add', label: 'anna' })
    expect((await json<Listed>('key list', { CAF_IDENTITY_FILE: 'anna.txt' })).slots).toMatchObject([{ label: 'secret' }, { label: 'anna', recipient }])
    expect(await failure(`key add --recipient ${recipient} --new-secret-file weak.secret`)).toMatchObject({ code: 'INVALID_OPTION' })
    expect((await caf('key')).status).toBe(2)
  })
})
