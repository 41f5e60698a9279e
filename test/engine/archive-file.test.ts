import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { archiveFile } from '../../src/engine/archive-file.ts'

let folder: string
let path: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-archive-file-'))
  path = join(folder, 'archive')
})
afterEach(async () => { await rm(folder, { recursive: true }) })

it('an archive file has what was written, for its owner alone, and the memory of that is given back', async () => {
  const pieces = [10, 100_000, 300_000].map((length, i) => Buffer.alloc(length, i + 1))
  const whole = Buffer.concat(pieces)
  await pipeline(pieces, archiveFile(path))
  expect((await readFile(path)).equals(whole)).toBe(true)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(pieces.slice(1).map(({ length }) => length)).toEqual([0, 0])
})

it('an archive file takes the place of no other', async () => {
  await pipeline([Buffer.from('one')], archiveFile(path))
  await expect(pipeline([Buffer.from('two')], archiveFile(path))).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await readFile(path, 'utf8')).toBe('one')
})
