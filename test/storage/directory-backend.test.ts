import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import type { DirectoryBackend } from '../../src/storage/directory-backend.ts'
import { temporaryName } from '../../src/storage/temporary-file.ts'
import { storageBackendCompliance } from '../compliance/storage-backend.ts'

describe('directory backend', () => {
  storageBackendCompliance(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'caf-storage-'))
    return { backend: directoryBackend(join(folder, 'repository')), remove: async () => { await rm(folder, { recursive: true }) } }
  })
})

describe('directory backend on disk', () => {
  let folder: string
  let backend: DirectoryBackend

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'caf-storage-'))
    backend = directoryBackend(folder)
  })
  afterEach(async () => {
    await backend.close()
    await rm(folder, { recursive: true })
  })

  const names = async (path: string): Promise<string[]> => (await readdir(join(folder, path))).sort()

  it('makes folders and files that only their owner can read', async () => {
    await backend.put('a/b/c', Buffer.from('x'))
    const modes = await Promise.all(['a', 'a/b', 'a/b/c'].map(async path => (await stat(join(folder, path))).mode & 0o777))
    expect(modes).toEqual([0o700, 0o700, 0o600])
  })

  it('leaves no temporary file behind, also not after a refused create', async () => {
    await backend.put('a/key', Buffer.from('one'), { whenPresent: 'keep' })
    await backend.put('a/key', Buffer.from('two'), { whenPresent: 'keep' })
    await backend.put('a/key', Buffer.from('three'))
    expect(await names('a')).toEqual(['key'])
  })

  it('does not list temporary files', async () => {
    await backend.put('a/key', Buffer.from('x'))
    await writeFile(join(folder, 'a', temporaryName()), 'half')
    expect(await Array.fromAsync(backend.list(''))).toEqual([{ key: 'a/key', sizeBytes: 1 }])
  })

  it('removes the temporary file of a dead process, not that of a living one', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'exit')
    const mine = temporaryName()
    const dead = mine.replace(`~${process.pid}~`, `~${child.pid!}~`)
    await mkdir(join(folder, 'a'))
    await Promise.all([mine, dead].map(async name => { await writeFile(join(folder, 'a', name), 'half') }))
    await backend.put('a/key', Buffer.from('x'))
    expect(await names('a')).toEqual(['key', mine].sort())
  })

  it('removes the temporary file of another host only when it is a day old', async () => {
    const fresh = '~00000000~1~0000000000000001'
    const old = '~00000000~1~0000000000000002'
    await mkdir(join(folder, 'a'))
    await Promise.all([fresh, old].map(async name => { await writeFile(join(folder, 'a', name), 'half') }))
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60
    await utimes(join(folder, 'a', old), twoDaysAgo, twoDaysAgo)
    await backend.put('a/key', Buffer.from('x'))
    expect(await names('a')).toEqual(['key', fresh].sort())
  })

  it('works after its folder was removed under it', async () => {
    await backend.put('a/key', Buffer.from('x'))
    await rm(join(folder, 'a'), { recursive: true })
    expect(await backend.get('a/key')).toBeUndefined()
    await backend.put('a/key', Buffer.from('y'))
    expect(Buffer.from((await backend.get('a/key'))!).toString()).toBe('y')
  })

  it('reports STORAGE_IO with the cause when a folder is in the way', async () => {
    await mkdir(join(folder, 'a', 'key'), { recursive: true })
    const refused = backend.put('a/key', Buffer.from('x'))
    await expect(refused).rejects.toMatchObject({ code: 'STORAGE_IO', cause: { code: 'EISDIR' } })
    expect(await names('a')).toEqual(['key'])
  })

  it('reports STORAGE_IO for a link that goes in circles, never absence', async () => {
    await symlink('loop', join(folder, 'loop'))
    await expect(backend.get('loop')).rejects.toMatchObject({ code: 'STORAGE_IO' })
    await expect(backend.size('loop')).rejects.toMatchObject({ code: 'STORAGE_IO' })
  })

  it.skipIf(process.getuid?.() === 0)('reports STORAGE_DENIED for a folder it may not write (root may write any)', async () => {
    await mkdir(join(folder, 'a'))
    await chmod(join(folder, 'a'), 0o500)
    await expect(backend.put('a/key', Buffer.from('x'))).rejects.toMatchObject({ code: 'STORAGE_DENIED' })
  })
})
