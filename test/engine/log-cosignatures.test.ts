import { beforeEach, describe, expect, it } from 'vitest'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import { repairRepository } from '../../src/engine/repair.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import type { Finding } from '../../src/engine/finding.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../src/storage/storage-backend.ts'

let backend: StorageBackend

beforeEach(async () => {
  backend = memoryBackend()
  const outputs = new AgentOutputs()
  outputs.add({ id: 'plan', value: 'listen' })
  await createSnapshot(await createRepository(backend), { sources: [outputs], description: 'cosigned' })
})

const checkpoints = async (): Promise<string[]> => await Array.fromAsync(backend.list('metadata/log/checkpoints/'), ({ key }) => key)

async function findings (): Promise<Finding[]> {
  const fresh = await openRepository(backend)
  const found = await Array.fromAsync(verifyRepository(fresh))
  await fresh.close()
  return found
}

describe('a cosignature that is stored with a checkpoint', () => {
  it('is found damaged, whichever byte of it is', async () => {
    const notes = await Promise.all((await checkpoints()).map(async key => ({ key, note: Buffer.from((await backend.get(key))!) })))
    const { key, note } = notes.find(each => each.note.includes('/local '))!
    const start = note.lastIndexOf('\n', note.indexOf('/local ')) + 1
    for (let at = start; at < note.length; at += 3) {
      const flipped = Buffer.from(note)
      flipped[at]! ^= 1
      await backend.put(key, flipped)
      expect((await findings()).map(found => [found.code, found.key]), `byte ${at}`).toContainEqual(['LOG_CORRUPT', key])
    }
  })

  it('is left out by a repair when it is another one', async () => {
    const key = (await checkpoints()).at(-2)!
    const note = Buffer.from((await backend.get(key))!).toString()
    const line = note.split('\n').find(each => each.includes('/local '))
    const bytes = Buffer.from(line!.split(' ').at(-1)!, 'base64')
    bytes[40]! ^= 1
    await backend.put(key, Buffer.from(note.replace(line!, line!.replace(/\S+$/, bytes.toString('base64')))))
    expect(await findings()).toMatchObject([{ code: 'LOG_CORRUPT', severity: 'error', key }])
    const repairing = await openRepository(backend)
    expect((await repairRepository(repairing)).log).toEqual([key])
    await repairing.close()
    expect(await findings()).toEqual([])
  })
})
