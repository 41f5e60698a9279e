import { describe, expect, it } from 'vitest'
import { encodeRecord } from '../../../src/cas/record.ts'
import { faultyBackend } from '../../../src/storage/faulty-backend.ts'
import { ForwardingBackend } from '../../../src/storage/forwarding-backend.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import type { PutOptions, StorageBackend } from '../../../src/storage/storage-backend.ts'
import { newIdentity, recipientOf } from '../../../src/trust/keys/age-identity.ts'
import { addSlot, findSlot, removeSlot } from '../../../src/trust/keys/change-slots.ts'
import { createKeys } from '../../../src/trust/keys/create-keys.ts'
import { keyHistory } from '../../../src/trust/keys/key-history.ts'
import { readKeyRecords } from '../../../src/trust/keys/key-records.ts'
import { rotateKeys } from '../../../src/trust/keys/rotate-keys.ts'
import { liveSlots } from '../../../src/trust/keys/slots.ts'
import { unlockKeys } from '../../../src/trust/keys/unlock-keys.ts'
import type { UnlockedKeys } from '../../../src/trust/keys/unlocked-keys.ts'
import { workerSealing } from '../../../src/trust/keys/worker-sealing.ts'
import { OTHER_SECRET, SECRET } from './secrets.ts'

/** Puts everything twice, as a client does that got no answer, and says what the second attempt found. */
class Repeating extends ForwardingBackend {
  override async put (key: string, body: Uint8Array, options?: PutOptions): Promise<boolean> {
    await super.put(key, body, options)
    return await super.put(key, body, options)
  }
}

/** Lets something else happen before each put. */
class Watched extends ForwardingBackend {
  readonly #before: (key: string) => Promise<void>

  constructor (inner: StorageBackend, before: (key: string) => Promise<void>) {
    super(inner)
    this.#before = before
  }

  override async put (key: string, body: Uint8Array, options?: PutOptions): Promise<boolean> {
    await this.#before(key)
    return await super.put(key, body, options)
  }
}

const labelsOf = async (backend: StorageBackend): Promise<string[]> => liveSlots(await readKeyRecords(backend)).map(({ label }) => label).sort()

/** A repository's keys with slots of age recipients alone, which cost nothing to open. */
async function sample (...labels: string[]): Promise<{ backend: StorageBackend, keys: UnlockedKeys, identities: Record<string, string> }> {
  const backend = memoryBackend()
  const own = await newIdentity()
  const keys = await createKeys(backend, { recipients: [await recipientOf(own)], label: 'none' })
  const identities: Record<string, string> = { own }
  for (const label of labels) {
    identities[label] = await newIdentity()
    await addSlot(backend, keys, { recipient: await recipientOf(identities[label]) }, { label })
  }
  return { backend, keys, identities }
}

describe('slots', () => {
  it('are added for secrets and recipients, each opening the same keys', async () => {
    const { backend, keys } = await sample()
    const identity = await newIdentity()
    expect(await addSlot(backend, keys, { secret: SECRET }, { label: 'JWT_SECRET' })).toMatchObject({ act: 'add', generation: 1, label: 'JWT_SECRET' })
    await addSlot(backend, keys, { recipient: await recipientOf(identity) }, { label: 'anna' })
    expect((await unlockKeys(backend, { secret: SECRET })).current).toEqual(keys.current)
    expect((await unlockKeys(backend, { identities: [identity] })).current).toEqual(keys.current)
    await expect(addSlot(backend, keys, { secret: SECRET }, { label: 'again' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(addSlot(backend, keys, { recipient: await recipientOf(identity) }, { label: 'again' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(addSlot(backend, keys, { recipient: identity }, { label: 'again' })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('no longer open once they are removed, and the last one stays', async () => {
    const { backend, keys, identities } = await sample('anna')
    expect(await removeSlot(backend, keys, 'anna')).toMatchObject({ act: 'remove', generation: 1, label: 'anna' })
    await expect(unlockKeys(backend, { identities: [identities['anna']!] })).rejects.toMatchObject({ code: 'KEY_WRONG' })
    const [{ id } = { id: '' }] = liveSlots(await readKeyRecords(backend))
    await expect(removeSlot(backend, keys, id)).rejects.toMatchObject({ code: 'KEY_LAST' })
    expect((await unlockKeys(backend, { identities: [identities['own']!] })).current).toEqual(keys.current)
    await expect(removeSlot(backend, keys, 'anna')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })

  it('keep one when all of them are removed at the same time', async () => {
    const { backend, keys } = await sample('a', 'b', 'c')
    const ids = liveSlots(await readKeyRecords(backend)).map(({ id }) => id)
    const outcomes = await Promise.allSettled(ids.map(async id => await removeSlot(backend, keys, id)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'KEY_LAST' } })
    expect(await labelsOf(backend)).toHaveLength(1)
  })

  it('are found by the beginning of their id or by their label, if only one fits', async () => {
    const { backend } = await sample('anna', 'ben', 'ben')
    const records = await readKeyRecords(backend)
    const anna = findSlot(records, 'anna')
    expect(findSlot(records, anna.id.slice(0, 8))).toEqual(anna)
    for (const reference of ['ben', 'carl', anna.id.slice(0, 3)]) expect(() => findSlot(records, reference)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('show in the history what was done, also what is gone', async () => {
    const { backend, keys } = await sample('anna')
    await removeSlot(backend, keys, 'anna')
    await rotateKeys(backend, keys)
    const history = keyHistory(await readKeyRecords(backend))
    expect(history.map(({ act, generation, label }) => [act, generation, label])).toEqual([['create', 1, undefined], ['add', 1, 'anna'], ['remove', 1, 'anna'], ['rotate', 2, undefined]])
  })
})

describe('a rotation', () => {
  it('keeps old data readable, and keeps the dropped from what is new', async () => {
    const { backend, keys, identities } = await sample('anna', 'ben')
    const worker = await workerSealing(backend, keys.recipient)
    const anna = findSlot(await readKeyRecords(backend), 'anna')
    const rotated = await rotateKeys(backend, keys, { drop: [anna.id] })
    expect(rotated).toMatchObject({ act: 'rotate', generation: 2, dropped: [{ label: 'anna' }] })
    const now = await unlockKeys(backend, { identities: [identities['ben']!] }, { expected: keys.recipient })
    expect(now.current.id).not.toBe(keys.current.id)
    expect(await now.find(keys.current.id)).toEqual(keys.current)
    expect(await now.find(worker.current.id, worker.current.wrap)).toMatchObject({ id: worker.current.id })
    expect(now.logSeed).toEqual(keys.logSeed)
    await expect(unlockKeys(backend, { identities: [identities['anna']!] })).rejects.toMatchObject({ code: 'KEY_WRONG' })
    // What anna may have copied does not open the new generation either.
    await expect(unlockKeys(backend, { identities: [keys.newest.identity] })).rejects.toMatchObject({ code: 'KEY_WRONG' })
    expect(await keys.find(now.current.id)).toBeUndefined()
  })

  it('wants every secret that stays, or its slot dropped by name', async () => {
    const { backend, keys } = await sample()
    const mine = await addSlot(backend, keys, { secret: SECRET }, { label: 'mine' })
    const yours = await addSlot(backend, keys, { secret: OTHER_SECRET }, { label: 'yours' })
    await expect(rotateKeys(backend, keys, { secrets: [SECRET] })).rejects.toMatchObject({ code: 'INVALID_OPTION', data: { slots: [yours.slot] } })
    await expect(rotateKeys(backend, keys, { drop: ['0'.repeat(32)] })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    const { kept, dropped } = await rotateKeys(backend, keys, { secrets: [SECRET], drop: [yours.slot!] })
    expect(kept.map(({ label }) => label)).toContain('mine')
    expect(dropped.map(({ label }) => label)).toEqual(['yours'])
    expect((await unlockKeys(backend, { secret: SECRET })).generation).toBe(2)
    await expect(unlockKeys(backend, { secret: OTHER_SECRET })).rejects.toMatchObject({ code: 'KEY_WRONG' })
    expect((await readKeyRecords(backend)).slots.map(({ id }) => id)).not.toContain(mine.slot)
  })

  it('leaves somebody', async () => {
    const { backend, keys } = await sample()
    const [{ id } = { id: '' }] = liveSlots(await readKeyRecords(backend))
    await expect(rotateKeys(backend, keys, { drop: [id] })).rejects.toMatchObject({ code: 'KEY_LAST' })
    expect((await readKeyRecords(backend)).newest).toBe(1)
  })

  it('takes over no slot that somebody without the keys put there', async () => {
    const { backend, keys } = await sample('anna')
    const [slot] = (await readKeyRecords(backend)).slots
    const thief = await newIdentity()
    const { id: _id, ...record } = slot!
    await backend.put(`keys/${'e'.repeat(32)}`, encodeRecord({ ...record, label: 'thief', recipient: await recipientOf(thief) }))
    const { dropped } = await rotateKeys(backend, keys)
    expect(dropped.map(({ label }) => label)).toEqual(['thief'])
    await expect(unlockKeys(backend, { identities: [thief] })).rejects.toMatchObject({ code: 'KEY_WRONG' })
    expect(await labelsOf(backend)).toHaveLength(2)
  })

  it('is not taken from somebody who cannot open the generation before', async () => {
    const { backend, identities } = await sample()
    const forged = memoryBackend()
    await createKeys(forged, { recipients: [await recipientOf(identities['own']!)], label: 'x' })
    await rotateKeys(forged, await unlockKeys(forged, { identities: [identities['own']!] }))
    for await (const { key } of forged.list('keys/')) {
      if (key !== 'keys/g0001') await backend.put(key, await forged.get(key) ?? new Uint8Array())
    }
    await expect(unlockKeys(backend, { identities: [identities['own']!] })).rejects.toMatchObject({ code: 'RECORD_CORRUPT' })
  })

  it('happens once when two begin at the same time, and everybody who stayed can open it', async () => {
    const { backend, keys, identities } = await sample('anna', 'ben')
    const outcomes = await Promise.allSettled([rotateKeys(backend, keys), rotateKeys(backend, keys), rotateKeys(backend, keys)])
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'REPOSITORY_BUSY' })
    for (const identity of Object.values(identities)) expect((await unlockKeys(backend, { identities: [identity] })).generation).toBe(2)
    expect((await readKeyRecords(backend)).slots).toHaveLength(3)
  })

  it('does not bring back a slot that is removed at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const { backend, keys, identities } = await sample('anna', 'ben')
      const [removal] = await Promise.allSettled([removeSlot(backend, keys, 'anna'), rotateKeys(backend, keys)])
      const opens = await unlockKeys(backend, { identities: [identities['anna']!] }).then(() => true, () => false)
      expect(opens).toBe(removal.status === 'rejected')
    }
  })
})

describe('a crash', () => {
  const ACTS: Readonly<Record<string, (backend: StorageBackend, keys: UnlockedKeys) => Promise<unknown>>> = {
    add: async (backend, keys) => await addSlot(backend, keys, { recipient: await recipientOf(await newIdentity()) }, { label: 'new' }),
    remove: async (backend, keys) => await removeSlot(backend, keys, 'anna'),
    rotate: async (backend, keys) => await rotateKeys(backend, keys),
  }

  it.each(Object.keys(ACTS))('at any step of %s leaves a repository that opens, and the next one finishes', async name => {
    const act = ACTS[name]!
    for (let after = 0, done = false; !done; after++) {
      const { backend, keys, identities } = await sample('anna')
      done = await act(faultyBackend(backend).crash({ after }), keys).then(() => true, () => false)
      const opened = await unlockKeys(backend, { identities: [identities['own']!] })
      expect(await opened.find(keys.current.id)).toEqual(keys.current)
      const rotated = await rotateKeys(backend, opened)
      expect((await unlockKeys(backend, { identities: [identities['own']!] })).current).toEqual(rotated.keys.current)
      const records = await readKeyRecords(backend)
      expect(records.slots).toHaveLength(liveSlots(records).length)
      expect(after).toBeLessThan(20)
    }
  })

  it('in init leaves either nothing or keys that open', async () => {
    for (let after = 0, done = false; !done; after++) {
      const backend = memoryBackend()
      const identity = await newIdentity()
      const recipients = [await recipientOf(identity)]
      done = await createKeys(faultyBackend(backend).crash({ after }), { recipients, label: 'x' }).then(() => true, () => false)
      const { newest } = await readKeyRecords(backend)
      if (newest > 0) expect((await unlockKeys(backend, { identities: [identity] })).generation).toBe(1)
      else expect((await createKeys(backend, { recipients, label: 'x' })).generation).toBe(1)
    }
  })

  it('of a connection, after which the client asks again, makes nothing of ours another’s', async () => {
    const { backend, keys, identities } = await sample('anna')
    const repeating = new Repeating(backend)
    await addSlot(repeating, keys, { recipient: await recipientOf(await newIdentity()) }, { label: 'ben' })
    await removeSlot(repeating, keys, 'ben')
    expect((await rotateKeys(repeating, keys)).generation).toBe(2)
    for (const identity of Object.values(identities)) expect((await unlockKeys(backend, { identities: [identity] })).generation).toBe(2)
    const own = await newIdentity()
    const made = new Repeating(memoryBackend())
    await createKeys(made, { recipients: [await recipientOf(own)], label: 'none' })
    expect((await unlockKeys(made, { identities: [own] })).generation).toBe(1)
  })
})

describe('a rotation at work', () => {
  it('does not lose its new slots to others who tidy up', async () => {
    const { backend, keys, identities } = await sample('anna')
    const watched = new Watched(backend, async key => { if (key === 'keys/g0002') await removeSlot(backend, keys, 'anna').catch(() => {}) })
    expect((await rotateKeys(watched, keys)).generation).toBe(2)
    for (const identity of Object.values(identities)) expect((await unlockKeys(backend, { identities: [identity] })).generation).toBe(2)
  })
})
