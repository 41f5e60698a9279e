import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KillLoop } from './kill-loop.ts'
import { startCasProcess } from './start-cas-process.ts'

const ROUNDS = process.env['SLOW'] === '1' ? 60 : 4

let folder: string
let loop: KillLoop

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-kill-'))
  loop = await KillLoop.create(folder)
})
afterEach(async () => { await rm(folder, { recursive: true }) })

describe('a repository whose processes are killed', () => {
  it('keeps every snapshot that was reported, and can be collected to the last pack', async () => {
    for (let round = 0; round < ROUNDS; round++) await loop.killBoth(round)
    expect(loop.promised.length).toBeGreaterThan(ROUNDS / 2)
    await loop.collectAll()
  })

  it('serves two writers and a collector at once', async () => {
    const processes = [startCasProcess('write', folder, 'one', '4'), startCasProcess('write', folder, 'two', '4'), startCasProcess('collect', folder, 'c', '3')]
    const codes = await Promise.all(processes.map(async ({ child }) => (await once(child, 'exit'))[0] as number))
    expect(await Promise.all(processes.map(async ({ errors }) => await errors))).toEqual(['', '', ''])
    expect(codes).toEqual([0, 0, 0])
    loop.promised.push(...processes.flatMap(({ lines }) => lines.slice(1)))
    await loop.checkIntact()
  })
})
