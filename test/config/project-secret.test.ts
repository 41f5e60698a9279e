import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { projectSecret } from '../../src/config/project-secret.ts'
import type { SecretPlaces } from '../../src/config/project-secret.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'caf-secret-'))
  await writeFile(join(folder, 'secret.txt'), 'of the file\n')
})
afterAll(async () => { await rm(folder, { recursive: true }) })

const CAF_SECRET = 'of this program', JWT_SECRET = 'of the application'

it.each<[string, Partial<SecretPlaces>, string | undefined]>([
  ['nothing', {}, undefined],
  ['empty variables', { env: { CAF_SECRET: '', JWT_SECRET: '' } }, undefined],
  ['JWT_SECRET', { env: { JWT_SECRET } }, JWT_SECRET],
  ['the configuration and JWT_SECRET', { env: { JWT_SECRET }, reference: 'of the configuration' }, 'of the configuration'],
  ['CAF_SECRET and all of these', { env: { CAF_SECRET, JWT_SECRET }, reference: 'of the configuration' }, CAF_SECRET],
  ['a file and all of these', { env: { CAF_SECRET, JWT_SECRET }, reference: 'of the configuration', file: 'secret.txt' }, 'of the file'],
  ['a reference to a file', { reference: { file: 'secret.txt' } }, 'of the file'],
])('the project’s secret from %s', async (_, places, expected) => {
  const secret = projectSecret({ file: undefined, reference: undefined, env: {}, cwd: folder, folder, ...places })
  expect(await secret?.reveal()).toBe(expected)
  if (secret !== undefined) expect(`${inspect(secret)} ${String(secret)} ${JSON.stringify(secret)}`).toBe('[secret] [secret] "[secret]"')
})

it('is refused by the name of the option when its file is missing', async () => {
  const secret = projectSecret({ file: 'missing.txt', reference: undefined, env: {}, cwd: folder, folder })
  await expect(secret?.reveal()).rejects.toMatchObject({ code: 'CONFIG_INVALID', data: { field: '--secret-file' } })
})
