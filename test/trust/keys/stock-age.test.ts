import { execFileSync } from 'node:child_process'
import { createDecipheriv, hkdfSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { decode } from '@ipld/dag-cbor'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRepository } from '../../../src/cas/repository.ts'
import { directoryBackend } from '../../../src/storage/directory-backend.ts'
import { createKeys } from '../../../src/trust/keys/create-keys.ts'
import { rotateKeys } from '../../../src/trust/keys/rotate-keys.ts'
import { SECRET } from './secrets.ts'

const missing = ['age', 'script'].find(program => !(process.env['PATH'] ?? '').split(delimiter).some(folder => existsSync(join(folder, program))))
if (missing !== undefined) process.stderr.write(`opening a repository with the stock age is not tried: there is no ${missing} on the PATH\n`)

let folder: string
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-test-stock-age-')) })
afterAll(async () => { await rm(folder, { recursive: true }) })

interface SealHeader { readonly key: Uint8Array, readonly salt: Uint8Array, readonly slots: readonly Uint8Array[] }
type KeyRecord = Readonly<Record<string, string>>

/** What stands in a pack's header (docs/format.md, "Sealing"). */
function headerOf (stored: Buffer): { readonly header: SealHeader, readonly length: number } {
  expect(stored.subarray(0, 8).toString()).toBe('CAFSEAL1')
  const length = 12 + stored.readUInt32LE(8)
  return { header: decode(stored.subarray(12, length)), length }
}

async function ageWithSecret (file: string): Promise<string> {
  await writeFile(join(folder, 'slot.age'), Buffer.from(file, 'base64'))
  execFileSync('script', ['-qec', `age -d -o '${folder}/identity.txt' '${folder}/slot.age'`, '/dev/null'], { input: `${SECRET}\n`, timeout: 30_000 })
  return join(folder, 'identity.txt')
}

function ageWithIdentity (identity: string, file: string | undefined): Buffer {
  return execFileSync('age', ['-d', '-i', identity], { input: Buffer.from(file ?? '', 'base64') })
}

it.skipIf(missing !== undefined)('the secret, the stock age and one pack are enough to read what is in it, also after rotations', async () => {
  const backend = directoryBackend(join(folder, 'repository'))
  const keys = await createKeys(backend, { secret: SECRET, label: 'first' })
  const repository = await createRepository(backend, { sealing: (await rotateKeys(backend, keys, { secrets: [SECRET] })).keys })
  const writer = await repository.openWriter()
  const content = Buffer.from('what was sealed, and is read without this program'.repeat(100))
  await writer.put(content)
  await writer.flush()
  const [key = ''] = (await Array.fromAsync(backend.list('blobs/'))).map(entry => entry.key)
  await writer.discard()
  await repository.close()

  const stored = await readFile(join(folder, 'repository', key))
  const { header, length } = headerOf(stored)
  const records = header.slots.map(bytes => JSON.parse(Buffer.from(bytes).toString()) as KeyRecord)
  const newest = records.find(({ keyId }) => keyId === Buffer.from(header.key).toString('hex'))
  const slot = records.find(({ opens }) => opens === newest?.['recipient'])
  const identity = await ageWithSecret(slot?.['file'] ?? '')
  const sealingKey = ageWithIdentity(identity, newest?.['key'])

  const objectKey = Buffer.from(hkdfSync('sha256', sealingKey, header.salt, 'caf/seal/1', 32))
  const segment = stored.subarray(length, length + 65_536 + 16)
  const decipher = createDecipheriv('aes-256-gcm', objectKey, Buffer.alloc(12)).setAAD(Buffer.concat([Buffer.from(`${key}\0`), stored.subarray(0, length)])).setAuthTag(segment.subarray(-16))
  const plain = Buffer.concat([decipher.update(segment.subarray(0, -16)), decipher.final()])
  expect(plain.subarray(8, 16).toString()).toBe('CAFPACK1')

  await writeFile(join(folder, 'before.txt'), ageWithIdentity(identity, newest?.['previous']))
  const first = records.find(record => record['kind'] === 'generation' && record !== newest)
  expect(ageWithIdentity(join(folder, 'before.txt'), first?.['key'])).toEqual(keys.current.bytes)
})
