import { describe, expect, it } from 'vitest'
import { keyIdOf, newSealingKey } from '../../../src/cas/sealing.ts'
import { decodeRecord, encodeRecord } from '../../../src/cas/record.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import { newIdentity, recipientOf } from '../../../src/trust/keys/age-identity.ts'
import { wrapForRecipients, unwrapWithSecret } from '../../../src/trust/keys/age-file.ts'
import { createKeys } from '../../../src/trust/keys/create-keys.ts'
import { unlockKeys } from '../../../src/trust/keys/unlock-keys.ts'
import { workerSealing } from '../../../src/trust/keys/worker-sealing.ts'
import { SECRET, OTHER_SECRET } from './secrets.ts'

describe('keys of a new repository', () => {
  it('open again with the secret, with the generation’s identity, and with that of a recipient', async () => {
    const backend = memoryBackend()
    const owner = await newIdentity()
    const made = await createKeys(backend, { secret: SECRET, recipients: [await recipientOf(owner)], label: 'first' })
    for (const credentials of [{ secret: SECRET }, { identities: [made.newest.identity] }, { identities: [owner] }, { secret: OTHER_SECRET, identities: [owner] }]) {
      const keys = await unlockKeys(backend, credentials)
      expect(keys.current).toEqual(made.current)
      expect(keys.logSeed).toEqual(made.logSeed)
      expect(keys).toMatchObject({ generation: 1, recipient: made.recipient })
    }
    expect(made.current.id).toBe(keyIdOf(made.current.bytes))
    expect(made.slots).toHaveLength(3)
  })

  it('do not open with another secret or identity', async () => {
    const backend = memoryBackend()
    await createKeys(backend, { secret: SECRET, label: 'first' })
    for (const credentials of [{ secret: OTHER_SECRET }, { identities: [await newIdentity()] }, {}]) {
      await expect(unlockKeys(backend, credentials)).rejects.toMatchObject({ code: 'KEY_WRONG' })
    }
  })

  it('are taken over from an init that was cut off, by who has the same secret', async () => {
    const backend = memoryBackend()
    const [one, two] = await Promise.all([createKeys(backend, { secret: SECRET, label: 'a' }), createKeys(backend, { secret: SECRET, label: 'b' })])
    expect(one.current).toEqual(two.current)
    await expect(createKeys(backend, { secret: OTHER_SECRET, label: 'c' })).rejects.toMatchObject({ code: 'REPOSITORY_BUSY' })
    expect((await unlockKeys(backend, { secret: SECRET })).current).toEqual(one.current)
    expect((await unlockKeys(backend, { secret: SECRET })).slots).toHaveLength(2)
  })

  it('are refused where a repository is, and for nobody', async () => {
    const backend = memoryBackend()
    await expect(createKeys(backend, { label: 'x' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await backend.put('config.json', Buffer.from('{}'))
    await expect(createKeys(backend, { secret: SECRET, label: 'x' })).rejects.toMatchObject({ code: 'REPOSITORY_EXISTS' })
    expect(await Array.fromAsync(backend.list('keys/'))).toEqual([])
  })

  it('hold in a slot what stock age would take out', async () => {
    const backend = memoryBackend()
    const keys = await createKeys(backend, { secret: SECRET, label: 'first' })
    const slot = keys.slots.map(bytes => decodeRecord('keys/x', bytes)).find(({ kind }) => kind === 'secret')
    const text = Buffer.from(await unwrapWithSecret(Buffer.from(String(slot?.['file']), 'base64'), SECRET) ?? []).toString()
    expect(text).toBe(`${keys.newest.identity}\n`)
  })
})

describe('keys that somebody changed', () => {
  /** Changes the only generation's record as somebody could who can write the storage. */
  async function forged (change: (record: Record<string, unknown>) => Promise<Record<string, unknown>>): Promise<ReturnType<typeof memoryBackend>> {
    const backend = memoryBackend()
    await createKeys(backend, { secret: SECRET, label: 'first' })
    const { format: _format, ...record } = decodeRecord('keys/g0001', await backend.get('keys/g0001') ?? new Uint8Array())
    await backend.put('keys/g0001', encodeRecord(await change(record) as Parameters<typeof encodeRecord>[0]))
    return backend
  }

  it('do not open with a key of theirs, which anybody could wrap', async () => {
    const key = newSealingKey()
    const backend = await forged(async record => ({ ...record, keyId: key.id, key: Buffer.from(await wrapForRecipients(key.bytes, [String(record['recipient'])])).toString('base64') }))
    await expect(unlockKeys(backend, { secret: SECRET })).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
  })

  it.each(['created', 'log', 'keyId'])('do not open with another %s', async member => {
    const other = await createKeys(memoryBackend(), { secret: SECRET, label: 'other' })
    const theirs = decodeRecord('keys/g0001', other.slots[0]!)
    const backend = await forged(async record => ({ ...record, [member]: theirs[member] ?? '' }))
    await expect(unlockKeys(backend, { secret: SECRET })).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
  })

  it('do not open when a recipient is expected that they do not have', async () => {
    const backend = memoryBackend()
    const owner = await newIdentity()
    const recipients = [await recipientOf(owner)]
    const { recipient } = await createKeys(memoryBackend(), { recipients, label: 'ours' })
    const theirs = await createKeys(backend, { recipients, label: 'theirs' })
    await expect(unlockKeys(backend, { identities: [owner] }, { expected: recipient })).rejects.toMatchObject({ code: 'KEY_WRONG' })
    expect((await unlockKeys(backend, { identities: [owner] }, { expected: theirs.recipient })).recipient).toBe(theirs.recipient)
  })
})

describe('a writer that knows the recipient alone', () => {
  it('seals with a key that the repository’s keys find in the header', async () => {
    const backend = memoryBackend()
    const keys = await createKeys(backend, { secret: SECRET, label: 'first' })
    const { current, find, slots } = await workerSealing(backend, keys.recipient)
    expect(await find(current.id)).toEqual({ id: current.id, bytes: current.bytes })
    expect(await find(keys.current.id)).toBeUndefined()
    expect(slots).toEqual(keys.slots)
    expect(await keys.find(current.id)).toBeUndefined()
    expect(await keys.find(current.id, current.wrap)).toEqual({ id: current.id, bytes: current.bytes })
    expect(await keys.find(current.id)).toEqual({ id: current.id, bytes: current.bytes })
  })

  it('is not believed when its header names another key, and not understood when it is for another repository', async () => {
    const backend = memoryBackend()
    const keys = await createKeys(backend, { secret: SECRET, label: 'first' })
    const { current } = await workerSealing(backend, keys.recipient)
    await expect(keys.find('0'.repeat(32), current.wrap)).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    await expect(keys.find('1'.repeat(32), current.wrap!.slice(0, 90))).rejects.toMatchObject({ code: 'SEAL_BROKEN' })
    const { current: foreign } = await workerSealing(backend, await recipientOf(await newIdentity()))
    expect(await keys.find(foreign.id, foreign.wrap)).toBeUndefined()
  })
})
