import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { checkManifests } from './manifest.ts'
import { printed, startCasProcess } from './start-cas-process.ts'

const IMAGE_BYTES = 96 * 1024 * 1024
/** EXT4_IOC_SHUTDOWN, without flushing the journal: what was not synced is gone, as when the power fails. */
const POWER_OFF = 'open(F, "<", $ARGV[0]) or die; my $flags = pack("L", 2); ioctl(F, 0x8004587d, $flags) or die'

let folder: string
let disk: string
let isMounted = false

const run = (command: string, ...options: readonly string[]): void => { execFileSync(command, options, { stdio: 'ignore' }) }
const mount = (): void => { run('mount', '-o', 'loop', join(folder, 'image'), disk) }

/** Makes a file system of its own; false where that is not allowed. */
async function makeDisk (): Promise<boolean> {
  await mkdir(disk)
  await writeFile(join(folder, 'image'), '')
  await truncate(join(folder, 'image'), IMAGE_BYTES)
  try {
    run('mkfs.ext4', '-q', '-F', join(folder, 'image'))
    run('perl', '-e', '1')
    mount()
    return true
  } catch {
    return false
  }
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-power-'))
  disk = join(folder, 'disk')
  isMounted = await makeDisk()
})
afterEach(async () => {
  if (isMounted) run('umount', disk)
  await rm(folder, { recursive: true })
})

describe('a disk that loses power', () => {
  it.for([1, 2, 3])('still has every snapshot that was reported (%i)', async (snapshots, { skip }) => {
    if (!isMounted) return skip('needs root, loop devices, mkfs.ext4 and perl')
    const repository = join(disk, 'deep', 'repository')
    await (await createRepository(directoryBackend(repository))).close()
    // What it did next could make durable what it should have made durable before.
    const writer = startCasProcess('step', repository, 'seed')
    const exit = once(writer.child, 'exit')
    try {
      for (let count = 1; count <= snapshots; count++) {
        if (count > 1) writer.child.stdin.write('\n')
        await printed(writer, 1 + count)
      }
      run('perl', '-e', POWER_OFF, disk)
    } finally {
      writer.child.kill('SIGKILL')
      await exit
    }
    const reported = writer.lines.slice(1)
    run('umount', disk)
    mount()

    const after = await openRepository(directoryBackend(repository), { cacheFolder: false })
    expect(await Array.fromAsync(verifyStorage(after))).toEqual([])
    expect(await checkManifests(after)).toBeGreaterThanOrEqual(reported.length)
    expect((await after.visible()).map(commit => commit.id)).toEqual(expect.arrayContaining(reported))
    const cached = await openRepository(directoryBackend(repository))
    await checkManifests(cached).finally(async () => { await cached.close() })
  })
})
