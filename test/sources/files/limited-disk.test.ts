import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { filesRestorer } from '../../../src/sources/files/files-restorer.ts'
import { temporaryFolder } from './sample-folder.ts'
import { entry, itemOf, listFolder } from './sample-item.ts'

const CLEANUP: AsyncDisposable[] = []
afterEach(async () => { for (const thing of CLEANUP.splice(0).reverse()) await thing[Symbol.asyncDispose]() })

async function folder (): Promise<string> {
  const made = await temporaryFolder()
  CLEANUP.push(made)
  return made.path
}

/** Why no small file system can be mounted here, or undefined when one can. */
async function whyNoMount (): Promise<string | undefined> {
  await using made = await temporaryFolder()
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', made.path])
  if (status === 0) spawnSync('umount', [made.path])
  return status === 0 ? undefined : error?.message ?? stderr.toString().trim()
}

const noMount = await whyNoMount()

describe('restore of a folder with too little', () => {
  it('says that the disk is full, leaves the old tree, and can be undone', async context => {
    if (noMount !== undefined) return context.skip(`no small file system can be mounted: ${noMount}`)
    const disk = await folder()
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]).status).toBe(0)
    CLEANUP.push({ [Symbol.asyncDispose]: async () => { spawnSync('umount', [disk]) } })
    const to = join(disk, 'to')
    mkdirSync(to)
    writeFileSync(join(to, 'old'), 'old')
    const before = await listFolder(to)
    const read = async function * (): AsyncGenerator<Uint8Array> { for (let count = 0; count < 16; count++) yield Buffer.alloc(1 << 18, 'x') }
    const restorer = filesRestorer({ folder: to, replace: 'swap' })
    await expect(restorer.prepare([itemOf(() => [entry('big', { read, sizeBytes: 1 << 22 })])])).rejects.toMatchObject({ code: 'STORAGE_FULL', data: { path: 'big', state: 'ENOSPC' } })
    await restorer.abort()
    expect(readdirSync(disk)).toEqual(['to'])
    expect(await listFolder(to)).toEqual(before)
  })

  it.skipIf(process.getuid?.() !== 0)('works for a user with few rights, who gets what may be given', async () => {
    const root = await folder()
    chmodSync(root, 0o777)
    const script = `
      const { filesRestorer } = await import(${JSON.stringify(join(import.meta.dirname, '../../../src/sources/files/files-restorer.ts'))})
      const { entry, itemOf } = await import(${JSON.stringify(join(import.meta.dirname, 'sample-item.ts'))})
      process.setgid(65534); process.setuid(65534) // only now: that user may not reach the code
      const folder = ${JSON.stringify(join(root, 'to'))}
      const item = itemOf(() => [
        entry('closed', { type: 'directory', mode: 0o500, uid: 0, gid: 0 }), entry('closed/in', { type: 'directory', mode: 0o500, uid: 0, gid: 0 }),
        entry('closed/in/theirs', { text: 'x', mode: 0o4755, uid: 0, gid: 0 }), entry('closed/in/zero', { mode: 0o400, uid: 1, gid: 1 }), entry('mine', { mode: 0o4755 }),
      ])
      const restorer = filesRestorer({ folder, replace: 'swap' })
      for (let round = 0; round < 2; round++) { // the second replaces what its owner may not write into
        await restorer.prepare([item])
        await restorer.commit()
      }
      console.log(await restorer.holds(item))
      const locked = filesRestorer({ folder: ${JSON.stringify(join(root, 'locked/to'))} })
      console.log((await locked.check([item]))[0].code, await locked.prepare([item]).catch(error => error.code))`
    mkdirSync(join(root, 'locked'), { mode: 0o755 })
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
    expect(stderr.toString()).toBe('')
    expect(stdout.toString()).toBe('true\nSOURCE_DENIED SOURCE_DENIED\n')
    const { stdout: modes } = spawnSync('find', [join(root, 'to'), '-mindepth', '1', '-printf', '%P %m %U\\n'])
    expect(modes.toString().trim().split('\n').sort()).toEqual(['closed 500 65534', 'closed/in 500 65534', 'closed/in/theirs 755 65534', 'closed/in/zero 400 65534', 'mine 4755 65534'])
    expect(readdirSync(root).sort()).toEqual(['locked', 'to'])
  })
})
