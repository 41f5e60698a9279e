import { glob, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { jwtVerify, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runHere } from './run-here.ts'
import { openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

const SECRET = 'w8Qz-0pLk-7fYt-Vb3n-Xc5m-Rj9s-Hd1g-Ta6u'
const OTHER = 'Zr4x-Kp2v-9qLw-Gt7b-Ny0c-Fs8h-Um3d-Ej5o'

let workspace: Workspace
let folder: string
beforeAll(async () => {
  workspace = await openWorkspace()
  folder = workspace.folder
  await workspace.json('init')
  await workspace.json('snapshot --description confidential')
  await workspace.json('init --repository other')
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

/** Runs a command; what it prints never has a secret. */
async function caf (line: string, env: Readonly<Record<string, string>> = {}): Promise<{ readonly status: number, readonly stdout: string, readonly stderr: string }> {
  const finished = await runHere(line.split(' '), { cwd: folder, env: { CAF_STATE_DIR: join(folder, '.state'), ...env } })
  expect(finished.stdout + finished.stderr).not.toMatch(new RegExp(`${SECRET}|${OTHER}|tiny|AGE-SECRET-KEY-1[A-Z0-9]`))
  return finished
}

async function json<T = Record<string, unknown>> (line: string, env: Readonly<Record<string, string>> = {}): Promise<T> {
  const { status, stdout, stderr } = await caf(`${line} --json`, env)
  expect([status, stderr]).toEqual([0, ''])
  return JSON.parse(stdout) as T
}

/** The objects of a repository; not this host's cache. */
async function contents (repository: string): Promise<string[]> {
  const paths = await Array.fromAsync(glob('**/*', { cwd: join(folder, repository) }))
  return paths.filter(path => !path.startsWith('metadata/level')).sort()
}

async function file (name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text)
  return name
}

describe('an archive encrypted with JWT_SECRET', () => {
  it('comes into another repository with the same secret, under which tokens are valid as before', async () => {
    const token = await new SignJWT({ sub: 'ana' }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET))
    const exported = await json<{ root: string }>('export latest soul.caf --encrypt', { JWT_SECRET: SECRET })
    expect(exported).toMatchObject({ encrypted: true })
    expect((await readFile(join(folder, 'soul.caf'))).includes('confidential')).toBe(false)
    expect(await json(`import soul.caf --repository other --accept-unsigned --as here --secret-file ${await file('secret.txt', `${SECRET}\n`)}`)).toMatchObject({ root: exported.root, project: 'here' })
    const { payload } = await jwtVerify(token, await readFile(join(folder, 'secret.txt')).then(bytes => bytes.subarray(0, -1)))
    expect(payload.sub).toBe('ana')
    expect(await json('restore here/latest --repository other --to-folder restored')).toMatchObject({ restored: 1 })
    expect(await readFile(join(folder, 'restored/deep/plan.md'), 'utf8')).toBe('first\n')
  })

  it('is refused with another secret or none, and nothing is changed', async () => {
    await json('export latest refused.caf --encrypt', { JWT_SECRET: SECRET })
    await json('init --repository empty')
    const before = await contents('empty')
    for (const [env, code] of [[{ JWT_SECRET: OTHER }, 'KEY_WRONG'], [{ JWT_SECRET: 'tiny' }, 'KEY_WRONG'], [{}, 'KEY_NEEDED']] as const) {
      const { status, stderr } = await caf('import refused.caf --repository empty', env)
      expect([status, stderr]).toEqual([2, expect.stringMatching(new RegExp(String.raw`\[${code}\]\n$`))])
    }
    expect(await contents('empty')).toEqual(before)
    expect(await json('snapshots --repository empty')).toEqual([])
  })

  it('is not made without a secret, or with one that could be guessed', async () => {
    for (const [env, code] of [[{}, 'KEY_NEEDED'], [{ JWT_SECRET: 'tiny' }, 'SECRET_WEAK'], [{ JWT_SECRET: 'your-256-bit-secret-your-256-bit-secret' }, 'SECRET_WEAK']] as const) {
      const { status, stderr } = await caf('export latest weak.caf --encrypt', env)
      expect([status, stderr]).toEqual([2, expect.stringContaining(`[${code}]`)])
    }
    await expect(stat(join(folder, 'weak.caf'))).rejects.toThrow()
  })
})

describe('an archive', () => {
  it('is not encrypted unless that is asked for', async () => {
    expect(await json('export latest open.caf', { JWT_SECRET: SECRET })).toMatchObject({ encrypted: false })
    expect((await caf('import open.caf --repository other --accept-unsigned --secret-file nowhere')).status).toBe(0)
    expect((await caf('export latest - --encrypt --json', { JWT_SECRET: SECRET })).stderr).toContain('[INVALID_OPTION]')
  })

  it('opens with the key of a recipient too', async () => {
    const identity = await generateX25519Identity()
    const exported = await json<{ root: string }>(`export latest friends.caf --recipient ${await identityToRecipient(identity)}`, { CAF_SECRET: SECRET })
    expect(exported).toMatchObject({ encrypted: true })
    const keyFile = await file('key.txt', `# public key: age1…\n${identity}\n`)
    expect(await json(`import friends.caf --repository other --accept-unsigned --identity-file ${keyFile}`, { JWT_SECRET: OTHER })).toMatchObject({ root: exported.root })
    const strange = await file('strange.txt', `${await generateX25519Identity()}\n`)
    expect((await caf(`import friends.caf --repository other --accept-unsigned --identity-file ${strange}`)).stderr).toContain('[KEY_WRONG]')
    expect((await caf(`import friends.caf --repository other --accept-unsigned --identity-file ${await file('none.txt', 'AGE-SECRET-KEY-1HIDDEN')}`)).stderr).toContain('[INVALID_OPTION]')
    expect((await caf('import friends.caf --repository other --accept-unsigned --identity-file missing.txt')).stderr).toContain('[CONFIG_INVALID]')
  })

  it('opens with a secret that is not the project’s', async () => {
    await json('export latest theirs.caf --encrypt', { CAF_SECRET: OTHER })
    const { stderr } = await caf('import theirs.caf --repository other --accept-unsigned', { CAF_SECRET: SECRET })
    expect(stderr).toContain('[KEY_WRONG]')
    await json(`import theirs.caf --repository other --accept-unsigned --archive-secret-file ${await file('theirs.txt', OTHER)}`, { CAF_SECRET: SECRET })
  })

  it.each([
    ['--recipient age1nobody', 'INVALID_OPTION'],
    ['--recipient AGE-SECRET-KEY-1HIDDEN', 'INVALID_OPTION'],
    ['--no-encrypt --recipient age1nobody', 'INVALID_OPTION'],
    ['--encrypt --secret-file missing.txt', 'CONFIG_INVALID'],
  ])('is not made with %s', async (options, code) => {
    const { status, stderr } = await caf(`export latest never.caf ${options}`, { JWT_SECRET: SECRET })
    expect([status, stderr]).toEqual([2, expect.stringContaining(`[${code}]`)])
    await expect(stat(join(folder, 'never.caf'))).rejects.toThrow()
  })
})

describe('an archive of a sealed repository', () => {
  it('is encrypted unless it is told not to be', async () => {
    const env = { CAF_SECRET: SECRET, XDG_CACHE_HOME: join(folder, 'cache') }
    await json('init --sealed --repository sealed', env)
    await json('snapshot --repository sealed', env)
    expect(await json('export latest by-default.caf --repository sealed', env)).toMatchObject({ encrypted: true })
    expect(await json('export latest by-choice.caf --no-encrypt --repository sealed', env)).toMatchObject({ encrypted: false })
    const theirs = await file('theirs.txt', OTHER)
    await json('export latest foreign.caf --encrypt', { CAF_SECRET: OTHER })
    expect(await json(`import foreign.caf --repository sealed --accept-unsigned --archive-secret-file ${theirs}`, env)).toMatchObject({ nodes: 1 })
  })
})
