import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { heaviest, loadedModules } from './loaded-modules.ts'
import { runCaf } from './run-caf.ts'
import { openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

let workspace: Workspace
let folder: string
beforeAll(async () => {
  workspace = await openWorkspace()
  folder = workspace.folder
  await workspace.json('init')
  await workspace.json('snapshot')
})
afterAll(async () => { await workspace[Symbol.asyncDispose]() })

describe('the modules that a command loads', () => {
  // Each takes a quarter of a millisecond or more, and memory. A few more than there are now; the packages that a limit is for are in the message.
  const loaded = new Map<string, Promise<string[]>>()
  const loadedBy = async (line: string): Promise<string[]> => {
    const modules = loaded.get(line) ?? loadedModules(line.split(' '), folder)
    loaded.set(line, modules)
    return await modules
  }

  it.each([
    ['--version', 75, []],
    ['completion bash', 85, []],
    ['snapshots', 260, ['valibot', 'level', 'multiformats']],
    ['snapshot', 400, ['valibot', 'level', 'multiformats']],
  ])('are few for caf %s', async (line, limit, some) => {
    const modules = await loadedBy(line)
    expect(modules.length, `most are in ${heaviest(modules)}`).toBeLessThanOrEqual(limit)
    expect(modules.length).toBeGreaterThan(20) // they are counted
    expect(modules).toEqual(expect.arrayContaining(some))
    const needless = ['fastify', 'undici', '@qdrant/js-client-rest', '@electric-sql/pglite', '@electric-sql/pglite-tools', 'pg', 'ml-matrix', 'age-encryption', 'yauzl', '@ipld/car', 'cli-progress']
    expect(modules.filter(name => needless.includes(name))).toEqual([])
  })

  it('are no more than how to use it when nothing is opened', async () => {
    const modules = await loadedBy('--version')
    const ours = modules.filter(name => name.endsWith('.ts') && !name.startsWith('cli/'))
    expect(ours.sort()).toEqual(['config/own-folders.ts', 'config/secret.ts', 'engine/generator.ts', 'errors.ts', 'trust/log/act-kinds.ts'])
    expect(modules.filter(name => name.startsWith('cli/acts/'))).toEqual([])
  })

  it('are those of the configured kinds of sources alone', async () => {
    const modules = await loadedBy('snapshot')
    expect(modules.filter(name => name.startsWith('sources/')).map(name => name.split('/')[1]!).filter((kind, index, all) => all.indexOf(kind) === index)).toEqual(['files'])
  })
})

describe('compiled code', () => {
  const inFolder = async (prepare: (cache: string) => Promise<unknown>, env: Readonly<Record<string, string>> = {}): Promise<{ readonly mode: number | undefined, readonly files: number }> => {
    const cwd = await mkdtemp(join(tmpdir(), 'caf-test-compiled-'))
    try {
      const kept = join(cwd, 'cache/caf/compiled')
      await prepare(kept)
      expect(await runCaf(['--version'], { cwd, env: { XDG_CACHE_HOME: join(cwd, 'cache'), ...env } })).toMatchObject({ status: 0, stderr: '' })
      const mode = await stat(kept).then(found => found.mode & 0o777, () => undefined)
      return { mode, files: await readdir(kept, { recursive: true }).then(names => names.length, () => 0) }
    } finally {
      await rm(cwd, { recursive: true })
    }
  }

  it('is kept where this user alone can read and write', async () => {
    const { mode, files } = await inFolder(async () => {})
    expect(mode).toBe(0o700)
    expect(files).toBeGreaterThan(20)
  })

  it.each(['777', '755'])('is not kept in a folder of mode %s', async digits => {
    const mode = Number.parseInt(digits, 8)
    const make = async (cache: string): Promise<void> => {
      await mkdir(cache, { recursive: true })
      await chmod(cache, mode)
    }
    expect(await inFolder(make)).toEqual({ mode, files: 0 })
  })

  it('is not kept behind a link, nor where there can be no folder', async () => {
    const link = async (cache: string): Promise<void> => {
      await mkdir(join(cache, '..'), { recursive: true })
      await mkdir(join(cache, '../../../elsewhere'), { mode: 0o700 })
      await symlink('../../elsewhere', cache)
    }
    expect(await inFolder(link)).toEqual({ mode: 0o700, files: 0 })
    expect(await inFolder(async cache => { await writeFile(join(cache, '../..'), 'no folder') })).toEqual({ mode: undefined, files: 0 })
  })

  it('is not kept when Node is told not to', async () => {
    expect(await inFolder(async () => {}, { NODE_DISABLE_COMPILE_CACHE: '1' })).toEqual({ mode: undefined, files: 0 })
  })
})
