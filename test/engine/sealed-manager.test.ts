import { describe, expect, it } from 'vitest'
import { AikoRyuBackupManager } from '../../src/engine/aiko-ryu-backup-manager.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'

const SECRET = 'b3Xq-71hT-0sPz-Lw9d-Yf4m-Ck8u-Rj2e-Vg6n'

describe('a manager with a secret', () => {
  it('seals its repository, and opens it again with that secret alone', async () => {
    const backend = memoryBackend()
    const manager = new AikoRyuBackupManager({ backend, secret: SECRET })
    manager.addOutput({ id: 'plan', value: 'a very private plan' })
    const { id } = await manager.createSnapshot('private')
    await manager.close()
    for await (const { key } of backend.list('')) expect(Buffer.from(await backend.get(key) ?? []).includes('private'), key).toBe(false)

    const again = new AikoRyuBackupManager({ backend, secret: SECRET })
    expect(await again.restoreSnapshot(id)).toMatchObject({ isValid: true, errors: [] })
    expect(again.outputs.get('plan')).toBe('a very private plan')
    expect((await again.listSnapshots()).find(snapshot => snapshot.id === id)).toMatchObject({ description: 'private', consensus: true })
    await again.close()

    await expect(new AikoRyuBackupManager({ backend }).listSnapshots()).rejects.toMatchObject({ code: 'KEY_NEEDED' })
    await expect(new AikoRyuBackupManager({ backend, secret: SECRET.toLowerCase() }).listSnapshots()).rejects.toMatchObject({ code: 'KEY_WRONG' })
  })

  it('is not made with a weak one', async () => {
    const backend = memoryBackend()
    await expect(new AikoRyuBackupManager({ backend, secret: 'too short' }).listSnapshots()).rejects.toMatchObject({ code: 'SECRET_WEAK' })
    expect(await Array.fromAsync(backend.list(''))).toEqual([])
  })
})
