import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { applyForget, planForget } from '../../src/engine/forget.ts'
import { collectGarbage } from '../../src/engine/garbage.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { filesSource } from '../../src/sources/files/files-source.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import type { Place } from './snapshot-process.ts'
import { printed, startProcess } from './start-cas-process.ts'
import type { CasProcess } from './start-cas-process.ts'

const SCRIPT = 'snapshot-process.ts'
const ROUNDS = process.env['SLOW'] === '1' ? 20 : 3
const A_WEEK = 7 * 24 * 60 * 60 * 1000
const PLACES: readonly Place[] = ['opened', 'captured', 'flushed']
const ID = /^[0-9a-f]{32}$/

let folder: string
let path: string
let source: string
let repository: Repository
let processes: CasProcess[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-concurrent-'))
  path = join(folder, 'repository')
  source = await sourceFolder('unchanging')
  repository = await createRepository(directoryBackend(path))
  processes = []
})

afterEach(async () => {
  for (const { child } of processes) child.kill('SIGKILL')
  await repository.close()
  await rm(folder, { recursive: true })
})

async function sourceFolder (name: string): Promise<string> {
  const made = join(folder, name)
  await mkdir(made)
  for (let file = 0; file < 5; file++) await writeFile(join(made, `file-${file}`), `${name} ${file} `.repeat(5_000))
  return made
}

function start (...args: readonly string[]): CasProcess {
  const started = startProcess(SCRIPT, ...args)
  processes.push(started)
  return started
}

/** A writer that the system has stopped on its way. */
async function stoppedWriter (place: Place): Promise<CasProcess> {
  const writer = start('stop', path, source, place)
  await printed(writer, 2)
  expect(writer.lines).toEqual(['ready', `at ${place}`])
  writer.child.kill('SIGSTOP')
  return writer
}

/** Lets it go on. @returns what it printed last */
async function continued (writer: CasProcess): Promise<string | undefined> {
  writer.child.stdin.write('\n')
  writer.child.kill('SIGCONT')
  await ended(writer)
  return writer.lines[2]
}

async function ended ({ child, errors }: CasProcess): Promise<void> {
  if (child.exitCode === null) await once(child, 'exit')
  expect(await errors).toBe('')
  expect(child.exitCode).toBe(0)
}

/** Two snapshots of the same, of which the second has the node of the first. */
async function twoSnapshots (): Promise<void> {
  for (let i = 0; i < 2; i++) await createSnapshot(repository, { sources: [filesSource({ folder: source })], description: '' })
}

async function forget (references: readonly string[]): Promise<void> {
  await applyForget(repository, await planForget(repository, { references }))
}

/** Collects by a clock that is a week ahead: to it everybody's lease is over. */
async function collectAhead (): Promise<void> {
  const ahead = await openRepository(directoryBackend(path), { clock: () => Date.now() + A_WEEK, cacheFolder: false })
  await collectGarbage(ahead, { maxWaste: 0 })
  await ahead.close()
}

async function visibleIds (): Promise<string[]> {
  return (await repository.visible()).map(({ id }) => id)
}

async function expectIntact (): Promise<void> {
  await repository.refresh()
  expect(await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))).toEqual([])
}

describe('processes that take snapshots, forget and collect on one repository', () => {
  it('lose nothing, and the one that was stopped all the while is revoked or commits all of it', async () => {
    await twoSnapshots()
    const stopped = await stoppedWriter('captured')
    const writers = [start('write', path, await sourceFolder('one'), String(ROUNDS)), start('write', path, await sourceFolder('two'), String(ROUNDS))]
    await Promise.all(writers.map(async writer => { await printed(writer, 2) }))
    await forget((await visibleIds()).slice(0, 1))
    await collectAhead()
    const collector = start('collect', path, String(ROUNDS))
    await Promise.all([...writers, collector].map(ended))
    const last = await continued(stopped)
    const visible = await visibleIds()
    expect(last === 'SESSION_REVOKED' || visible.includes(last!)).toBe(true)
    const made = writers.flatMap(({ lines }) => lines.slice(1)).filter(line => ID.test(line))
    expect(made.length).toBeGreaterThan(0)
    await expectIntact()
  })
})

describe('a writer that the system stops', () => {
  it.each(PLACES)('and that was taken for dead when all it built on was deleted (%s) is told so', async place => {
    await twoSnapshots()
    const writer = await stoppedWriter(place)
    await forget(await visibleIds())
    await collectAhead()
    expect(await continued(writer)).toBe('SESSION_REVOKED')
    expect(await visibleIds()).toEqual([])
    await expectIntact()
  })

  it('and is waited for commits all of it', async () => {
    await twoSnapshots()
    const writer = await stoppedWriter('captured')
    await forget(await visibleIds())
    let going: Promise<string | undefined> | undefined
    await collectGarbage(repository, { maxWaste: 0, onWait: () => { going ??= continued(writer) } })
    expect(await visibleIds()).toEqual([await going])
    await expectIntact()
  })
})
