import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { filesRestorer } from '../../../src/sources/files/files-restorer.ts'
import type { FilesRestorerOptions } from '../../../src/sources/files/files-restorer.ts'
import { runUntil, watchFileSystem } from './frozen-process.ts'
import type { KilledRestore } from './killed-restore.ts'
import { temporaryFolder } from './sample-folder.ts'
import { listFolder, listingOf } from './sample-item.ts'
import { makeOldTree, newTree } from './sample-trees.ts'

const CLEANUP: AsyncDisposable[] = []
afterEach(async () => { for (const thing of CLEANUP.splice(0)) await thing[Symbol.asyncDispose]() })
beforeAll(watchFileSystem)

async function place (): Promise<{ readonly root: string, readonly to: string }> {
  const made = await temporaryFolder()
  CLEANUP.push(made)
  return { root: made.path, to: join(made.path, 'to') }
}

/** Prepares and commits in one run that stops at the `deadly`th call of its commit. Returns the calls of the commit, or undefined when it was stopped. */
async function commitUntil (deadly: number, options: FilesRestorerOptions): Promise<number | undefined> {
  const restorer = filesRestorer(options)
  await restorer.prepare([newTree()])
  return await runUntil(deadly, async () => { await restorer.commit() })
}

/** Calls `act` with 1, 2, 3 … until it says that the run got through. */
async function atEveryCall (act: (call: number) => Promise<'stopped' | 'through'>): Promise<number> {
  for (let call = 1; ; call++) if (await act(call) === 'through') return call
}

const ofDeath = (calls: number | undefined): 'stopped' | 'through' => calls === undefined ? 'stopped' : 'through'

describe('restore of a folder that is cut off', () => {
  it('while it is prepared leaves the old tree, and abort removes the rest', async () => {
    const { root, to } = await place()
    makeOldTree(to)
    const before = await listFolder(to)
    const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
    const calls = await atEveryCall(async call => {
      const end = await runUntil(call, async () => { await filesRestorer(options).prepare([newTree()]) })
      expect(await listFolder(to)).toEqual(before)
      await filesRestorer(options).abort()
      expect(readdirSync(root), `cut off at call ${call}`).toEqual(['to'])
      await filesRestorer(options).commit()
      expect(await listFolder(to)).toEqual(before)
      return ofDeath(end)
    })
    expect(calls).toBeGreaterThan(80)
  })

  it('while it is prepared is never committed', async () => {
    const { to } = await place()
    makeOldTree(to)
    const before = await listFolder(to)
    const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
    for (const call of [8, 20, 40, 70]) {
      expect(await runUntil(call, async () => { await filesRestorer(options).prepare([newTree()]) })).toBeUndefined()
      await expect(filesRestorer(options).commit()).rejects.toMatchObject({ code: 'TARGET_FAILED' })
      expect(await listFolder(to)).toEqual(before)
    }
  })

  it('while it is prepared can be prepared again without an abort', async () => {
    const { root, to } = await place()
    const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
    for (let call = 1; call < 80; call += 7) {
      expect(await runUntil(call, async () => { await filesRestorer(options).prepare([newTree()]) })).toBeUndefined()
      const again = filesRestorer(options)
      expect(await again.check([newTree()])).toEqual([])
      await again.prepare([newTree()])
      await again.commit()
      expect(await again.holds(newTree())).toBe(true)
      expect(readdirSync(root)).toEqual(['to'])
    }
  })

  it('while it is committed leaves the whole old or the whole new tree or none, and commit finishes', async () => {
    const wanted = await listingOf(newTree().entries())
    const calls = await atEveryCall(async call => {
      const { root, to } = await place()
      makeOldTree(to)
      const before = await listFolder(to)
      const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
      const end = await commitUntil(call, options)
      if (existsSync(to)) expect([before, wanted]).toContainEqual(await listFolder(to))
      await runUntil(1 + call % 17, async () => { await filesRestorer(options).commit() }) // and cut off again
      await filesRestorer(options).commit()
      expect(await listFolder(to), `cut off at call ${call}`).toEqual(wanted)
      expect(readdirSync(root)).toEqual(['to'])
      await filesRestorer(options).commit()
      await filesRestorer(options).abort()
      expect(await listFolder(to)).toEqual(wanted)
      return ofDeath(end)
    })
    expect(calls).toBeGreaterThan(20)
  })

  it('can be undone until the new tree is in its place, and says so afterwards', async () => {
    const wanted = await listingOf(newTree().entries())
    const ends: string[] = []
    await atEveryCall(async call => {
      const { root, to } = await place()
      makeOldTree(to)
      const before = await listFolder(to)
      const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
      const death = await commitUntil(call, options)
      const isDone = !existsSync(`${to}__restoring.json`)
      const end = isDone ? 'done' : await filesRestorer(options).abort().then(() => 'undone', (error: unknown) => (error as { code: string }).code)
      if (ends.at(-1) !== end) ends.push(end)
      expect(await listFolder(to)).toEqual(end === 'undone' ? before : wanted)
      if (end === 'undone') expect(readdirSync(root)).toEqual(['to'])
      return ofDeath(death)
    })
    expect(ends).toEqual(['undone', 'RESTORE_PENDING', 'done'])
  })

  it('while it is committed refuses another restore until it is finished', async () => {
    const { to } = await place()
    const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
    expect(await commitUntil(14, options)).toBeUndefined()
    expect(await filesRestorer(options).check([newTree()])).toMatchObject([{ code: 'TARGET_EXISTS' }])
    await expect(filesRestorer(options).prepare([newTree()])).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
    await filesRestorer(options).commit()
    expect(await filesRestorer(options).check([newTree()])).toEqual([])
  })

  it('between its two renames loses nothing when something else comes into the place', async () => {
    let between = 0
    await atEveryCall(async call => {
      const { root, to } = await place()
      makeOldTree(to)
      const before = await listFolder(to)
      const options: FilesRestorerOptions = { folder: to, replace: 'swap' }
      const death = await commitUntil(call, options)
      if (existsSync(to)) return ofDeath(death)
      between++
      mkdirSync(to)
      await expect(filesRestorer(options).commit()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
      await expect(filesRestorer(options).abort()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
      rmdirSync(to)
      await filesRestorer(options).abort()
      expect(await listFolder(to)).toEqual(before)
      expect(readdirSync(root)).toEqual(['to'])
      return ofDeath(death)
    })
    expect(between).toBeGreaterThan(0)
  })

  it('does not take what came into an empty place meanwhile for its own', async () => {
    await atEveryCall(async call => {
      const { root, to } = await place()
      const death = await commitUntil(call, { folder: to })
      if (existsSync(to)) return ofDeath(death)
      mkdirSync(to)
      await expect(filesRestorer({ folder: to }).commit()).rejects.toMatchObject({ code: 'TARGET_EXISTS' })
      await filesRestorer({ folder: to }).abort()
      expect(readdirSync(to)).toEqual([])
      expect(readdirSync(root)).toEqual(['to'])
      return ofDeath(death)
    })
  })

  it('has placed single files whole or not at all, and commit finishes', async () => {
    const only = ['a/sub', 'a/one', 'b']
    const calls = await atEveryCall(async call => {
      const { root, to } = await place()
      makeOldTree(to)
      const options: FilesRestorerOptions = { folder: to, replace: 'swap', only }
      const death = await commitUntil(call, options)
      await runUntil(1 + call % 29, async () => { await filesRestorer(options).commit() })
      await filesRestorer(options).commit()
      expect(await filesRestorer(options).holds(newTree()), `cut off at call ${call}`).toBe(true)
      expect(readdirSync(to, { recursive: true }).sort()).toEqual(['a', 'a.txt', 'a/mine', 'a/one', 'a/sub', 'a/sub/file', 'b', 'z'])
      expect(readdirSync(root)).toEqual(['to'])
      return ofDeath(death)
    })
    expect(calls).toBeGreaterThan(40)
  })

  it('gives the folders above single files their attributes, wherever it is cut off', async () => {
    const wanted = (await listingOf(newTree().entries())).filter(line => /^\["a(\/sub)?"/.test(line))
    await atEveryCall(async call => {
      const { to } = await place()
      mkdirSync(to)
      const options: FilesRestorerOptions = { folder: to, only: ['a/sub/file'] }
      const death = await commitUntil(call, options)
      await filesRestorer(options).commit()
      expect((await listFolder(to)).filter(line => line.includes('"directory"')), `cut off at call ${call}`).toEqual(wanted)
      return ofDeath(death)
    })
  })

  it('is no different when the process is really killed', async () => {
    const wanted = await listingOf(newTree().entries())
    for (const [step, call] of [['prepare', 3], ['prepare', 7], ['commit', 2], ['commit', 3], ['commit', 4], ['commit', 5]] as const) {
      const { root, to } = await place()
      makeOldTree(to)
      const before = await listFolder(to)
      const killed: KilledRestore = { options: { folder: to, replace: 'swap' }, step, call }
      const { signal, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'killed-restore.ts'), JSON.stringify(killed)])
      expect([signal, stderr.toString()]).toEqual(['SIGKILL', ''])
      expect(readdirSync(root)).toContain('to__restoring.json')
      const restorer = filesRestorer(killed.options)
      await (step === 'prepare' ? restorer.abort() : restorer.commit())
      expect(await listFolder(to)).toEqual(step === 'prepare' ? before : wanted)
      expect(readdirSync(root)).toEqual(['to'])
    }
  })
})
