import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { Snapshots } from '../cas/snapshots.ts'

const MiB = 1024 * 1024

let disk: string
let isMounted = false

beforeEach(async () => {
  disk = await mkdtemp(join(tmpdir(), 'caf-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m,mode=0700', 'caf-test', disk], { stdio: 'ignore' })
    isMounted = true
  } catch {
    isMounted = false
  }
})
afterEach(async () => {
  if (isMounted) execFileSync('umount', ['-l', disk])
  await rm(disk, { recursive: true })
})

describe('a repository on a full disk', () => {
  it('says STORAGE_FULL, keeps its snapshots, and goes on when there is room', async ({ skip }) => {
    if (!isMounted) return skip('mounting a tmpfs needs root')
    const backend = directoryBackend(join(disk, 'repository'))
    const snapshots = new Snapshots()
    const repository = await createRepository(backend)
    const first = await snapshots.make(repository, [seededBytes(MiB, 'first')])
    const ballast = join(disk, 'ballast')
    await writeFile(ballast, Buffer.alloc(9 * MiB))

    const writer = await repository.openWriter({ parents: [first] })
    await writer.put(seededBytes(4 * MiB, 'too much'))
    await expect(snapshots.commit(writer, [])).rejects.toMatchObject({ code: 'STORAGE_FULL' })
    await writer.discard().catch(() => {}) // Not even that may find room.
    expect((await repository.visible()).map(commit => commit.id)).toEqual([first])
    await repository.close()
    const full = await openRepository(backend)
    await snapshots.check(full)
    await full.close()

    await rm(ballast)
    const after = await openRepository(backend)
    await snapshots.make(after, [seededBytes(4 * MiB, 'too much')], { parents: [first] })
    await snapshots.check(after)
    expect(await Array.fromAsync(verifyStorage(after))).toEqual([])
    await after.close()
  })
})
