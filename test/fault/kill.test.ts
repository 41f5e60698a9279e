import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FORGOTTEN_PREFIX } from '../../src/cas/layout.ts'
import { applyGarbage } from '../../src/cas/garbage-apply.ts'
import { planGarbage } from '../../src/cas/garbage-plan.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { verifyStorage } from '../../src/cas/verify-storage.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import type { DirectoryBackend } from '../../src/storage/directory-backend.ts'
import { checkManifests, markManifests } from './manifest.ts'

const ROUNDS = process.env['SLOW'] === '1' ? 60 : 4
const SCRIPT = join(import.meta.dirname, 'cas-process.ts')

type Process = ChildProcessByStdio<null, Readable, Readable>

let folder: string
let backend: DirectoryBackend

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-kill-'))
  backend = directoryBackend(folder)
  await (await createRepository(backend)).close()
})
afterEach(async () => { await rm(folder, { recursive: true }) })

interface Started {
  readonly child: Process
  /** What it printed, line by line, while it runs. */
  readonly lines: string[]
  readonly errors: Promise<string>
}

function start (task: 'write' | 'collect', ...more: readonly string[]): Started {
  const child = spawn(process.execPath, [SCRIPT, task, folder, ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', line => { lines.push(line) })
  return { child, lines, errors: text(child.stderr) }
}

/** From 0 to 400 ms, the same in every run. */
function pause (seed: string): number {
  return createHash('sha256').update(seed).digest().readUInt16LE() % 400
}

/** Lets it print so many lines, and then go on for a while. */
async function killAfter ({ child, lines }: Started, count: number, ms: number): Promise<void> {
  const exit = once(child, 'exit')
  while (lines.length < count && child.exitCode === null) await delay(5)
  await delay(ms)
  child.kill('SIGKILL')
  await exit
}

async function checkIntact (promised: readonly string[]): Promise<void> {
  const repository = await openRepository(backend)
  try {
    expect(await Array.fromAsync(verifyStorage(repository))).toEqual([])
    await checkManifests(repository)
    const visible = new Set((await repository.visible()).map(commit => commit.id))
    for (const id of promised) expect(visible.has(id) || await backend.size(FORGOTTEN_PREFIX + id) !== undefined).toBe(true)
  } finally {
    await repository.close()
  }
}

describe('a repository whose processes are killed', () => {
  it('keeps every snapshot that was reported, and can be collected to the last pack', async () => {
    const promised: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const writer = start('write', `w${round}`)
      const collector = start('collect', `c${round}`)
      await Promise.all([killAfter(writer, 1 + round % 3, pause(`w${round}`)), killAfter(collector, 1, pause(`c${round}`))])
      expect(await writer.errors).toBe('')
      expect(await collector.errors).toBe('')
      promised.push(...writer.lines.slice(1))
      await checkIntact(promised)
    }
    expect(promised.length).toBeGreaterThan(ROUNDS / 2)
    await collectAll()
    expect(await Array.fromAsync(backend.list('blobs/'))).toEqual([])
  })

  it('serves two writers and a collector at once', async () => {
    const processes = [start('write', 'one', '4'), start('write', 'two', '4'), start('collect', 'c', '3')]
    const codes = await Promise.all(processes.map(async ({ child }) => (await once(child, 'exit'))[0] as number))
    expect(await Promise.all(processes.map(async ({ errors }) => await errors))).toEqual(['', '', ''])
    expect(codes).toEqual([0, 0, 0])
    await checkIntact(processes.flatMap(({ lines }) => lines.slice(1)))
  })
})

/** Forgets everything and collects until nothing is left to do. */
async function collectAll (): Promise<void> {
  const repository = await openRepository(backend)
  const mark = markManifests(repository)
  for (const { id } of await repository.visible()) await repository.forget(id)
  for (let round = 0; round < 3; round++) await applyGarbage(repository, await planGarbage(repository, { mark }), { mark, pollMs: 10 })
  await repository.close()
}
