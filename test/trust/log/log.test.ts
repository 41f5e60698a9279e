import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countingBackend } from '../../../src/storage/counting-backend.ts'
import { directoryBackend } from '../../../src/storage/directory-backend.ts'
import { faultyBackend } from '../../../src/storage/faulty-backend.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../../src/storage/storage-backend.ts'
import { cosign, cosignaturesOf } from '../../../src/trust/log/cosignature.ts'
import { Log } from '../../../src/trust/log/log.ts'
import { checkpointKey, entryKey, openingKey } from '../../../src/trust/log/log-layout.ts'
import { leafHash, verifyConsistency, verifyInclusion } from '../../../src/trust/log/merkle.ts'
import { SIGNATURE_TYPE, noteSigner } from '../../../src/trust/log/note-key.ts'
import { decodeOpening } from '../../../src/trust/log/opening.ts'
import { PinnedCheckpoint } from '../../../src/trust/log/pinned-checkpoint.ts'
import { newTiles } from '../../../src/trust/log/tile.ts'
import { plainRoot } from './trees.ts'
import { REPOSITORY, actOf, facts, logOver, signer } from './logs.ts'

const run = promisify(execFile)
let folder: string
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'caf-log-')) })
afterEach(async () => { await rm(folder, { recursive: true, force: true }) })

/** All objects of a backend, by key. */
async function contents (backend: StorageBackend): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const { key } of backend.list('')) found.set(key, Buffer.from((await backend.get(key))!).toString('latin1'))
  return found
}

async function numbersIn (log: Log): Promise<number[]> {
  const found: number[] = []
  for await (const { opening } of log.entries()) if (opening.kind === 'forgotten') found.push(Number.parseInt(opening.snapshot, 16))
  return found
}

describe('log', () => {
  it('has a signed checkpoint for every leaf, and proofs of all of it', async () => {
    const log = logOver(memoryBackend())
    const leaves: Uint8Array[] = []
    for (let n = 0; n < 20; n++) {
      const { index, leaf, checkpoint } = await log.append(actOf(n), facts)
      leaves.push(leaf)
      expect([index, checkpoint?.size, checkpoint?.root]).toEqual([n, n + 1, plainRoot(leaves)])
    }
    const head = (await log.checkpoint())!
    for (const [index, leaf] of leaves.entries()) {
      expect(verifyInclusion({ index, size: 20, hash: leafHash(leaf), root: head.root }, await log.prove(index, 20))).toBe(true)
      const older = (await log.checkpointAt(index + 1))!
      expect(verifyConsistency(older, head, await log.consistency(index + 1, 20))).toBe(true)
      expect(decodeOpening(await log.opening(index))).toMatchObject({ v: 1, ...actOf(index), ...facts })
    }
    expect(await numbersIn(log)).toEqual(leaves.map((_, n) => n))
  })

  it('has leaves that tell nothing, not even that the same was done twice', async () => {
    const log = new Log(memoryBackend(), { key: signer.key, signer })
    const [one, other] = [await log.append(actOf(1), facts), await log.append(actOf(1), facts)]
    expect(one.leaf).not.toEqual(other.leaf)
    const blinds = [one, other].map(({ opening }) => decodeOpening(opening).blind)
    expect(new Set(blinds).size).toBe(2)
    expect(blinds.join('')).toMatch(/^[0-9a-f]{128}$/)
  })

  it('is the same, byte for byte, whoever makes its tiles and in whatever steps', async () => {
    const [atOnce, stepwise] = [memoryBackend(), memoryBackend()]
    const [keyless, log] = [logOver(atOnce, { signer: undefined }), logOver(stepwise)]
    for (let n = 0; n < 600; n++) {
      await keyless.append(actOf(n), facts)
      await log.append(actOf(n), facts)
    }
    await logOver(atOnce).catchUp()
    const [one, other] = [await contents(atOnce), await contents(stepwise)]
    for (const [key, bytes] of one) expect(other.get(key), key).toBe(bytes)
    expect(newTiles(0, 600)).toHaveLength(4)
    expect([...one.keys()].filter(key => key.includes('/tile/'))).toEqual([
      'metadata/log/tile/0/000', 'metadata/log/tile/0/001', 'metadata/log/tile/0/002.p/88', 'metadata/log/tile/1/000.p/2',
      'metadata/log/tile/entries/000', 'metadata/log/tile/entries/001', 'metadata/log/tile/entries/002.p/88',
    ])
  }, 30_000)

  it('takes six small objects for a leaf', async () => {
    const backend = countingBackend(memoryBackend())
    const log = logOver(backend)
    for (let n = 0; n < 300; n++) await log.append(actOf(n), facts)
    const before = { ...backend.calls }
    await log.append(actOf(300), facts)
    expect(backend.calls.put - before.put).toBe(6)
    expect(backend.calls.list - before.list).toBe(0)
    expect(backend.calls.get - before.get).toBeLessThan(12)
  })

  it('keeps every leaf of many appenders at once', async () => {
    const backend = directoryBackend(folder)
    await Promise.all(Array.from({ length: 6 }, async (_, writer) => {
      const log = logOver(backend, { name: `writer ${writer}`, pin: new PinnedCheckpoint(join(folder, 'state'), REPOSITORY) })
      for (let n = 0; n < 5; n++) await log.append(actOf(writer * 5 + n), facts)
    }))
    const log = logOver(backend)
    expect((await numbersIn(log)).sort((one, other) => one - other)).toEqual(Array.from({ length: 30 }, (_, n) => n))
    expect((await log.catchUp())?.size).toBe(30)
    const leaves = await log.store.readLeaves(0, 30)
    expect((await log.checkpoint())?.root).toEqual(plainRoot(leaves))
  })

  it('keeps every leaf of several processes', async () => {
    const script = join(import.meta.dirname, 'append-process.ts')
    await Promise.all(['a', 'b', 'c'].map(async name => { await run(process.execPath, [script, folder, name, '6']) }))
    const log = logOver(directoryBackend(folder))
    const said = await Array.fromAsync(log.entries(), ({ opening }) => opening.traceId)
    expect(said.sort()).toEqual(['a', 'b', 'c'].flatMap(name => Array.from({ length: 6 }, (_, n) => `${name} ${n}`)))
    expect((await log.catchUp())?.root).toEqual(plainRoot(await log.store.readLeaves(0, 18)))
    for (let size = 1; size <= 18; size++) {
      const older = await log.checkpointAt(size)
      if (older !== undefined) expect(await log.extends(older, (await log.checkpoint())!)).toBe(true)
    }
  }, 30_000)

  it('begins once, however many begin it', async () => {
    const backend = memoryBackend()
    const begun = await Promise.all(Array.from({ length: 5 }, async (_, n) => await logOver(backend, { name: `${n}` }).begin({ kind: 'created', repository: REPOSITORY }, facts)))
    expect(begun.filter(Boolean)).toHaveLength(1)
    expect((await logOver(backend).checkpoint())?.size).toBe(1)
  })

  it('adds leaves without the key, and who has it signs for them', async () => {
    const backend = memoryBackend()
    const worker = logOver(backend, { signer: undefined })
    expect(await worker.append(actOf(1), facts)).toMatchObject({ index: 0, checkpoint: undefined })
    expect(await worker.append(actOf(2), facts)).toMatchObject({ index: 1, checkpoint: undefined })
    expect(await worker.checkpoint()).toBeUndefined()
    expect(await logOver(backend).append(actOf(3), facts)).toMatchObject({ index: 2, checkpoint: { size: 3 } })
    expect(await numbersIn(worker)).toEqual([1, 2, 3])
  })

  it('keeps cosignatures, also when another process catches up', async () => {
    const backend = memoryBackend()
    const log = logOver(backend)
    const { checkpoint } = await log.append(actOf(1), facts)
    const witness = noteSigner('w', Buffer.alloc(32, 2), SIGNATURE_TYPE.cosignature)
    await log.cosigned(checkpoint!, [cosign(checkpoint!.note.text, witness, 7)])
    await backend.delete('metadata/log/checkpoint')
    await logOver(backend).catchUp()
    expect(cosignaturesOf((await log.checkpointAt(1))!.note, [witness.key])).toEqual([{ key: witness.key, time: 7 }])
    expect(await log.append(actOf(2), facts)).toMatchObject({ index: 1 })
  })
})

describe('a crash while appending', () => {
  it('is healed by the next one, wherever it happens, around the end of a tile too', async () => {
    const base = memoryBackend()
    for (let n = 0, log = logOver(base); n < 254; n++) await log.append(actOf(n), facts)
    const saved = await contents(base)
    for (let changes = 0; changes < 24; changes++) {
      const backend = memoryBackend()
      for (const [key, bytes] of saved) await backend.put(key, Buffer.from(bytes, 'latin1'))
      const faulty = faultyBackend(backend).crash({ after: changes })
      const crashing = logOver(faulty, { name: 'crashing' })
      const done: number[] = []
      try {
        for (let n = 254; n < 258; n++) { await crashing.append(actOf(n), facts); done.push(n) }
      } catch { /* as if the process had died */ }
      const next = logOver(backend, { name: 'next' })
      const { index, checkpoint } = await next.append(actOf(999), facts)
      const numbers = await numbersIn(next)
      expect(numbers).toHaveLength(index + 1)
      expect(checkpoint).toMatchObject({ size: index + 1, root: plainRoot(await next.store.readLeaves(0, index + 1)) })
      for (const n of done) expect(numbers).toContain(n)
      for (let size = 1; size <= index + 1; size += size < 250 ? 50 : 1) {
        const older = await next.checkpointAt(size)
        if (older !== undefined) expect(await next.extends(older, checkpoint!)).toBe(true)
      }
    }
  })

  it('of a tile alone leaves no checkpoint that would need it', async () => {
    for (const path of ['metadata/log/tile/0/', 'metadata/log/tile/entries/']) {
      const backend = faultyBackend(memoryBackend())
      const log = logOver(backend)
      await log.append(actOf(0), facts)
      backend.fail('put', { key: path, times: 1 })
      await expect(log.append(actOf(1), facts)).rejects.toMatchObject({ code: 'STORAGE_IO' })
      expect(await backend.size(checkpointKey(2))).toBeUndefined()
      await logOver(backend, { name: 'b' }).append(actOf(2), facts)
      expect(await numbersIn(log)).toEqual([0, 1, 2])
    }
  })

  it('that only seemed one leaves a leaf, not a hole', async () => {
    const faulty = faultyBackend(memoryBackend())
    const log = logOver(faulty)
    await log.append(actOf(1), facts)
    faulty.fail('put', { key: entryKey(1), applied: true, times: 1 })
    await expect(log.append(actOf(2), facts)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect((await log.append(actOf(2), facts)).index).toBe(2)
    expect(await numbersIn(log)).toEqual([1, 2, 2])
  })
})

describe('what this host remembers', () => {
  const open = (backend: StorageBackend): Log => logOver(backend, { pin: new PinnedCheckpoint(join(folder, 'state'), REPOSITORY) })

  async function rolledBack (): Promise<StorageBackend> {
    const backend = directoryBackend(join(folder, 'now'))
    const log = open(backend)
    for (let n = 0; n < 3; n++) await log.append(actOf(n), facts)
    await cp(join(folder, 'now'), join(folder, 'old'), { recursive: true })
    for (let n = 3; n < 6; n++) await log.append(actOf(n), facts)
    return directoryBackend(join(folder, 'old'))
  }

  it('shows that the storage is an older copy, before anything is signed', async () => {
    const old = await rolledBack()
    const before = await contents(old)
    await expect(open(old).checkpoint()).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK', data: { remembered: 6, found: 3 } })
    await expect(open(old).append(actOf(9), facts)).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK' })
    expect(await contents(old)).toEqual(before)
  })

  it('shows that the older copy went on on its own', async () => {
    const old = await rolledBack()
    const elsewhere = logOver(old, { name: 'another host' })
    for (let n = 0; n < 8; n++) await elsewhere.append(actOf(50 + n), facts) // who remembers nothing cannot see it
    await expect(open(old).checkpoint()).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK', data: { remembered: 6, found: 11 } })
    await expect(open(old).append(actOf(9), facts)).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK' })
  })

  it('signs for no leaves that others have added to an older copy', async () => {
    const old = await rolledBack()
    const worker = logOver(old, { name: 'a worker', signer: undefined })
    for (let n = 0; n < 8; n++) await worker.append(actOf(50 + n), facts)
    const before = await contents(old)
    await expect(open(old).catchUp()).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK', data: { remembered: 6, found: 11 } })
    expect(await contents(old)).toEqual(before)
  })

  it('shows a log that was emptied, or has another key', async () => {
    await rolledBack()
    await expect(open(memoryBackend()).begin(actOf(1), facts)).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK' })
    const other = noteSigner(signer.key.name, Buffer.alloc(32, 9))
    const forged = new Log(memoryBackend(), { key: other.key, signer: other, pin: new PinnedCheckpoint(join(folder, 'state'), REPOSITORY) })
    await expect(forged.append(actOf(1), facts)).rejects.toMatchObject({ code: 'LOG_ROLLED_BACK' })
  })

  it('takes no harm from a newest checkpoint that is old or damaged', async () => {
    const backend = memoryBackend()
    const log = open(backend)
    for (let n = 0; n < 5; n++) await log.append(actOf(n), facts)
    await backend.put('metadata/log/checkpoint', (await backend.get(checkpointKey(2)))!)
    expect((await log.checkpoint())?.size).toBe(5)
    await backend.put('metadata/log/checkpoint', Buffer.from('nonsense'))
    expect((await log.append(actOf(5), facts)).index).toBe(5)
  })
})

describe('damage', () => {
  it('stops an append instead of being signed over', async () => {
    const backend = memoryBackend()
    const log = logOver(backend)
    for (let n = 0; n < 5; n++) await log.append(actOf(n), facts)
    await backend.put('metadata/log/tile/0/000.p/5', Buffer.alloc(160))
    await expect(log.append(actOf(6), facts)).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
  })

  it('of derived tiles that are gone is made good from the entries', async () => {
    const backend = memoryBackend()
    const log = logOver(backend)
    for (let n = 0; n < 300; n++) await log.append(actOf(n), facts)
    for await (const { key } of backend.list('metadata/log/tile/')) await backend.delete(key)
    const { checkpoint } = await log.append(actOf(300), facts)
    expect(checkpoint?.root).toEqual(plainRoot(await log.store.readLeaves(0, 301)))
  })

  it('of an opening is told with its name', async () => {
    const backend = memoryBackend()
    const log = logOver(backend)
    const { leaf } = await log.append(actOf(1), facts)
    await backend.put(openingKey(leaf), Buffer.from('{}'))
    await expect(log.opening(0)).rejects.toMatchObject({ code: 'LOG_CORRUPT', data: { key: openingKey(leaf) } })
    await backend.delete(openingKey(leaf))
    await expect(log.opening(0)).rejects.toMatchObject({ code: 'LOG_CORRUPT' })
    await expect(log.opening(1)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
