import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { openElectorate } from '../../src/config/open-electorate.ts'
import { formatVkey } from '../../src/trust/log/note-key.ts'
import { witnessSigner } from '../trust/sample-log.ts'
import { temporaryFolders } from '../trust/temporary-folder.ts'

const newFolder = temporaryFolders()
const repository = { config: { id: 'ab'.repeat(16) } } as Parameters<typeof openElectorate>[1]
const witness = (name: string, seed: number, url = ''): string => `witness ${name} ${formatVkey(witnessSigner(name, seed).key)} ${url}`

let path: string

beforeEach(async () => { path = join(await newFolder(), 'policy') })

const open = async (lines: readonly string[], logOnly: readonly string[] = []): Promise<Awaited<ReturnType<typeof openElectorate>>> => {
  await writeFile(path, lines.map(line => `${line}\n`).join(''))
  return await openElectorate({ policy: path, timeoutMs: 5_000, logOnly }, repository)
}

describe('the configured validators', () => {
  it('are one local validator without a policy', async () => {
    expect(await openElectorate({ policy: undefined, timeoutMs: undefined, logOnly: [] }, repository)).toEqual({ validatorTimeoutMs: undefined })
  })

  it('are those of the policy that have a URL', async () => {
    const { policy, validators, validatorTimeoutMs } = await open([witness('a', 1, 'http://a.example'), witness('b', 2, 'https://b.example/caf/'), witness('c', 3), 'group g 2 a b c', 'quorum g'])
    expect(policy?.witnesses).toHaveLength(3)
    expect(validators?.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(validatorTimeoutMs).toBe(5_000)
  })

  it('must be able to reach the quorum: with URLs, by more than the log, or as the local one', async () => {
    await expect(open([witness('a', 1, 'http://a.example'), witness('c', 3), 'group g 2 a c', 'quorum g'])).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('2 of (a, c)') as unknown })
    const two = [witness('a', 1, 'http://a.example'), witness('b', 2, 'http://b.example'), 'group g 2 a b', 'quorum g']
    await expect(open(two, ['b'])).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect((await open([witness(`caf/${'ab'.repeat(16)}/local`, 4), `quorum caf/${'ab'.repeat(16)}/local`])).validators).toEqual([])
  })

  it('are refused with what is wrong: no file, no policy, no URL, a name that is not there', async () => {
    await expect(openElectorate({ policy: path, timeoutMs: undefined, logOnly: [] }, repository)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('ENOENT') as unknown })
    await expect(open(['quorum nobody'])).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(`${path}, line 1`) as unknown })
    for (const url of ['ftp://a.example', 'a.example:8441', 'http://a.example/?x', 'http://a.example/#x']) {
      await expect(open([witness('a', 1, url), 'quorum a'])).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('validator a') as unknown })
    }
    await expect(open([witness('a', 1, 'http://a.example'), 'quorum a'], ['b'])).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('logOnly names b') as unknown })
  })
})
