import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeRecord } from '../../../src/cas/record.ts'
import type { Members } from '../../../src/cas/record.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import { newIdentity, recipientOf } from '../../../src/trust/keys/age-identity.ts'
import { addSlot, removeSlot } from '../../../src/trust/keys/change-slots.ts'
import { createKeys } from '../../../src/trust/keys/create-keys.ts'
import { rotateKeys } from '../../../src/trust/keys/rotate-keys.ts'
import { readKeyRecords } from '../../../src/trust/keys/key-records.ts'
import { checkSecret } from '../../../src/trust/keys/secret-strength.ts'
import { liveSlots } from '../../../src/trust/keys/slots.ts'
import type { Credentials } from '../../../src/trust/keys/slots.ts'
import { unlockKeys } from '../../../src/trust/keys/unlock-keys.ts'
import { workerSealing } from '../../../src/trust/keys/worker-sealing.ts'
import { OTHER_SECRET, SECRET } from './secrets.ts'

/** A repository with a slot for a secret and two for recipients. */
async function sample () {
  const backend = memoryBackend()
  const identities = [await newIdentity(), await newIdentity()]
  const keys = await createKeys(backend, { secret: SECRET, recipients: await Promise.all(identities.map(recipientOf)), label: 'first' })
  return { backend, keys, identities }
}

/** Everything an error could tell: its text, its stack, its data, and the same of what caused it. */
const toldBy = (error: unknown): string => `${inspect(error, { depth: 10 })} ${JSON.stringify(error)} ${String(error)}`

describe('errors', () => {
  it('never hold the secret or a key, whatever was done with it', async () => {
    const { backend, keys, identities: [identity = ''] } = await sample()
    await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 36, maxLength: 36 }), fc.string({ minLength: 32, maxLength: 40, unit: 'grapheme' }), async (random, text) => {
      for (const secret of [Buffer.from(random).toString('base64'), text]) {
        const typo = identity.replace(/.$/, secret.charAt(0))
        const acts: Array<() => Promise<unknown>> = [
          async () => { checkSecret(secret) },
          async () => await unlockKeys(backend, { secret }),
          async () => await unlockKeys(backend, { identities: [secret, typo] }),
          async () => await createKeys(backend, { secret, label: 'x' }),
          async () => await createKeys(backend, { recipients: [secret], label: 'x' }),
          async () => await addSlot(backend, keys, { recipient: secret }, { label: 'x' }),
          async () => await addSlot(backend, keys, { recipient: typo }, { label: 'x' }),
          async () => await rotateKeys(backend, keys, { secrets: [secret] }),
          async () => await workerSealing(backend, secret),
        ]
        for (const act of acts) {
          const told = toldBy(await act().then(() => '', (error: unknown) => error))
          for (const part of [secret, secret.slice(0, 16), secret.slice(-16), identity.slice(20, 60)]) expect(told).not.toContain(part)
        }
      }
    }), { numRuns: 3 })
  }, 120_000)
})

describe('an attempt to open', () => {
  it.each<[string, Credentials]>([['the right secret', { secret: SECRET }], ['another', { secret: OTHER_SECRET }], ['no', {}]])('tries every slot, with %s', async (_name, credentials) => {
    const { backend, keys } = await sample()
    await addSlot(backend, keys, { recipient: await recipientOf(await newIdentity()) }, { label: 'more' })
    const tried: string[] = []
    await unlockKeys(backend, credentials, {
      trySlot: async (file, given) => {
        tried.push(Buffer.from(file).toString('base64'))
        return given.secret === SECRET ? Buffer.from(keys.newest.identity) : undefined
      },
    }).catch(() => {})
    expect(new Set(tried)).toHaveLength(4)
    expect(tried).toHaveLength(4)
  })

  it('answers the same whatever is wrong', async () => {
    const { backend, keys, identities: [identity = ''] } = await sample()
    await removeSlot(backend, keys, 'first')
    const answers = await Promise.all([{ secret: SECRET }, { secret: OTHER_SECRET }, { identities: [await newIdentity()] }, {}].map(async credentials => {
      const error: unknown = await unlockKeys(backend, credentials).catch((reason: unknown) => reason)
      return JSON.stringify([String(error), error])
    }))
    expect(new Set(answers)).toHaveLength(1)
    expect((await unlockKeys(backend, { identities: [identity] })).generation).toBe(1)
  })

  it('goes on past a slot that is damaged, or asks for more work than any of ours', async () => {
    const { backend, keys } = await sample()
    const slot = liveSlots(await readKeyRecords(backend)).find(({ kind }) => kind === 'secret')
    const record = encodeRecord(slot as unknown as Members)
    const hostile = Buffer.from(Buffer.from(slot!.file, 'base64').toString('latin1').replace(/ 15\n/, ' 19\n'), 'latin1').toString('base64')
    await backend.put(`keys/${'0'.repeat(32)}`, encodeRecord({ ...slot as unknown as Members, file: hostile }))
    await backend.put(`keys/${'1'.repeat(32)}`, record.subarray(0, 50))
    expect((await unlockKeys(backend, { secret: SECRET })).current).toEqual(keys.current)
    await expect(unlockKeys(backend, { secret: OTHER_SECRET })).rejects.toMatchObject({ code: 'KEY_WRONG' })
  })

  it('shows nothing of the keys when it is looked at', async () => {
    const { keys } = await sample()
    const shown = { generation: 1, recipient: keys.recipient }
    expect(JSON.parse(JSON.stringify(keys))).toEqual(shown)
    expect(inspect(keys, { depth: 5, showHidden: true })).toBe(`UnlockedKeys ${JSON.stringify(shown)}`)
  })
})
