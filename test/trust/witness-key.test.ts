import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { formatVkey } from '../../src/trust/log/note-key.ts'
import { openWitnessKey } from '../../src/trust/witness/witness-key.ts'
import { temporaryFolders } from './temporary-folder.ts'

const newFolder = temporaryFolders()
let folder: string

beforeEach(async () => { folder = join(await newFolder(), 'state') })

const vkeyOf = async (name?: string): Promise<string> => formatVkey((await openWitnessKey(folder, { name })).key)

describe("a validator's key", () => {
  it('is made once, for its owner alone to read, and is the same ever after', async () => {
    const vkey = await vkeyOf('validator.example/one')
    expect(vkey).toMatch(/^validator\.example\/one\+[0-9a-f]{8}\+B/)
    expect((await stat(join(folder, 'key'))).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect(await vkeyOf()).toBe(vkey)
    expect(await vkeyOf('validator.example/one')).toBe(vkey)
  })

  it('gets a name of its own when none is given', async () => {
    expect(await vkeyOf()).toMatch(/^\S+\/caf-validator-[0-9a-f]{8}\+/)
  })

  it('is one, however many make it at once', async () => {
    const vkeys = await Promise.all(Array.from({ length: 8 }, async () => await vkeyOf()))
    expect(new Set(vkeys).size).toBe(1)
  })

  it('keeps its name, and has one without spaces and plus', async () => {
    await vkeyOf('validator.example/one')
    await expect(vkeyOf('validator.example/two')).rejects.toMatchObject({ code: 'INVALID_OPTION', data: { name: 'validator.example/one' } })
    for (const name of ['', 'a b', 'a+b', 'a\nb']) await expect(vkeyOf(name)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('is never made anew in the place of a damaged one', async () => {
    await vkeyOf()
    const path = join(folder, 'key')
    for (const text of ['', (await readFile(path, 'utf8')).replace(/"seed": "./, '"seed": "!')]) {
      await writeFile(path, text)
      await expect(vkeyOf()).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
    }
  })
})
