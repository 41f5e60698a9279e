import { execFileSync } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { directoryBackend } from '../../src/storage/directory-backend.ts'

/** A file system of 256 KiB, or undefined where mounting is not allowed. */
async function mountSmall (): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'caf-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'caf-test', folder], { stdio: 'ignore' })
    return folder
  } catch {
    await rm(folder, { recursive: true })
    return undefined
  }
}

let folder: string | undefined

beforeAll(async () => { folder = await mountSmall() })
afterAll(async () => {
  if (folder === undefined) return
  execFileSync('umount', [folder])
  await rm(folder, { recursive: true })
})

describe('a full disk', () => {
  it('is reported as STORAGE_FULL, leaves the old object and no rubbish', async ({ skip }) => {
    if (folder === undefined) return skip('mounting a tmpfs needs root')
    const backend = directoryBackend(folder)
    await backend.put('a/key', Buffer.from('old'))
    await expect(backend.put('a/key', Buffer.alloc(1_000_000))).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    expect(Buffer.from((await backend.get('a/key'))!).toString()).toBe('old')
    expect(await readdir(join(folder, 'a'))).toEqual(['key'])
  })
})
