import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { pendingRestores } from '../../src/engine/restore-journal.ts'
import { abortRestore, restoreSnapshot, resumeRestore } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { filesSource } from '../../src/sources/files/files-source.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { restorersIn } from './restore-process.ts'

const ROUNDS = process.env['SLOW'] === '1' ? 60 : 8
const SIDES = ['left', 'right']
const FILES = 30

let folder: string
let repository: Repository

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-restore-kill-'))
  await writeAll('saved')
  repository = await createRepository(directoryBackend(join(folder, 'repository')))
  await createSnapshot(repository, { sources: SIDES.map(name => filesSource({ name, folder: join(folder, name) })), description: 'saved' })
})

afterEach(async () => {
  await repository.close()
  await rm(folder, { recursive: true })
})

/** Fills both folders with files that say `text`. */
async function writeAll (text: string): Promise<void> {
  for (const side of SIDES) {
    await rm(join(folder, side), { recursive: true, force: true })
    await mkdir(join(folder, side))
    for (let file = 0; file < FILES; file++) await writeFile(join(folder, side, `file-${file}`), `${text} ${side} ${file} `.repeat(500))
  }
}

/** What a folder says: one word if it is whole, else a list of what is mixed in it. */
async function stateOf (side: string): Promise<string> {
  const names = await readdir(join(folder, side))
  const words = new Set(await Promise.all(names.map(async name => (await readFile(join(folder, side, name), 'utf8')).split(' ')[0])))
  return names.length === FILES ? [...words].sort().join(' and ') : `${names.length} files`
}

/** Runs a restore in another process and kills it `ms` after it began. */
async function killedRestore (ms: number): Promise<void> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'restore-process.ts'), folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  await Promise.race([once(child.stdout, 'data'), exit])
  await delay(ms)
  child.kill('SIGKILL')
  await exit
}

describe('a restore that is killed', () => {
  it('leaves every target whole, and both alike once it is aborted or resumed', async () => {
    const stages = new Set<string>()
    for (let round = 0; round < ROUNDS; round++) {
      await writeAll('newer')
      await killedRestore(createHash('sha256').update(`round ${round}`).digest().readUInt16LE() % 350)
      for (const side of SIDES) expect(await stateOf(side)).toMatch(/^(saved|newer)$/)
      const [pending] = await pendingRestores(repository)
      stages.add(pending?.stage ?? 'none')
      if (pending === undefined) continue
      await expect(restoreSnapshot(repository, 'latest', { restorers: restorersIn(folder) })).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
      if (pending.stage === 'preparing' && round % 2 === 0) await abortRestore(repository, () => restorersIn(folder))
      else await resumeRestore(repository, () => restorersIn(folder))
      expect(await Promise.all(SIDES.map(stateOf))).toEqual(pending.stage === 'preparing' ? ['newer', 'newer'] : ['saved', 'saved'])
      expect(await pendingRestores(repository)).toEqual([])
      expect((await readdir(folder)).sort()).toEqual(['left', 'repository', 'right'])
    }
    expect(stages.size).toBeGreaterThan(0)
  })

  it('can be done again afterwards', async () => {
    await writeAll('newer')
    await killedRestore(5)
    const pending = await pendingRestores(repository)
    if (pending.length > 0) await resumeRestore(repository, () => restorersIn(folder))
    await restoreSnapshot(repository, 'latest', { restorers: restorersIn(folder), policy: { preserveHistory: false } })
    expect(await Promise.all(SIDES.map(stateOf))).toEqual(['saved', 'saved'])
  })

  it('says so when there is nothing to resume or abort', async () => {
    await expect(resumeRestore(repository, () => [])).rejects.toMatchObject({ code: 'RESTORE_NONE' })
    await expect(abortRestore(repository, () => [])).rejects.toMatchObject({ code: 'RESTORE_NONE' })
  })
})

describe('a restore that is cancelled', () => {
  it('leaves the targets as they were and nothing behind', async () => {
    await writeAll('newer')
    const stop = new AbortController()
    const restoring = restoreSnapshot(repository, 'latest', {
      restorers: restorersIn(folder), policy: { strategy: 'full', preserveHistory: false }, signal: stop.signal, onProgress: ({ step }) => { if (step === 'restore') stop.abort() },
    })
    await restoring.catch(() => undefined) // it may have been quicker
    const states = await Promise.all(SIDES.map(stateOf))
    expect([['newer', 'newer'], ['saved', 'saved']]).toContainEqual(states)
    expect(await pendingRestores(repository)).toEqual([])
    expect((await readdir(folder)).sort()).toEqual(['left', 'repository', 'right'])
  })
})
