import { expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { addKey, exportKey, removeKey, rotateKey } from '../../src/engine/keys.ts'
import { readLog } from '../../src/engine/open-log.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { newIdentity, recipientOf } from '../../src/trust/keys/age-identity.ts'
import { createKeys } from '../../src/trust/keys/create-keys.ts'
import { formatSheet } from '../../src/trust/keys/recovery-sheet.ts'
import { unlockKeys } from '../../src/trust/keys/unlock-keys.ts'

it('every change of keys is in the log, which keeps its key when they are rotated', async () => {
  const backend = memoryBackend()
  const [own, anna] = [await newIdentity(), await newIdentity()]
  const keys = await createKeys(backend, { recipients: [await recipientOf(own)], label: 'none' })
  const repository = await createRepository(backend, { sealing: keys, log: { keys } })
  const { slot } = await addKey(repository, keys, { owner: { recipient: await recipientOf(anna) }, label: 'anna' })
  await rotateKey(repository, keys)
  const rotated = await unlockKeys(backend, { identities: [own] })
  const again = await openRepository(backend, { sealing: rotated, log: { keys: rotated } })
  await removeKey(again, rotated, 'anna')
  const log = await readLog(again)
  const openings = await Array.fromAsync(log!.entries(), ({ opening }) => opening)
  expect(openings).toMatchObject([
    { kind: 'created', repository: repository.config.id },
    { kind: 'key', act: 'add', generation: 1, slot, label: 'anna' },
    { kind: 'key', act: 'rotate', generation: 2 },
    { kind: 'key', act: 'remove', generation: 2, label: 'anna' },
  ])
  const sheet = formatSheet(await exportKey(again, rotated, { policy: 'log x\nquorum none\n' }))
  for (const part of [rotated.newest.identity, rotated.recipient, repository.config.id, `caf/${repository.config.id}+`, 'quorum none', 'keys/g0002', '.previous']) expect(sheet).toContain(part)
})
