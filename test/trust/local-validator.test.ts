import { describe, expect, it } from 'vitest'
import { createRepository } from '../../src/cas/repository.ts'
import { addressOf, blockCid } from '../../src/dag/block.ts'
import { storeContent } from '../../src/dag/content.ts'
import { encodeNode } from '../../src/dag/node.ts'
import { writeNodeMap } from '../../src/dag/node-map.ts'
import { encodeSnapshot } from '../../src/dag/snapshot.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { localValidator } from '../../src/trust/local-validator.ts'
import type { LocalValidatorOptions } from '../../src/trust/local-validator.ts'
import type { Validator, Verdict } from '../../src/trust/validator.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes } from '../compliance/chunker.ts'
import { validatorCompliance } from '../compliance/validator.ts'
import { bytesContent, contextOf, SEED } from '../dag/contents.ts'
import { MemoryBlobs } from '../dag/memory-blobs.ts'
import { nodeOf, snapshotOf } from '../dag/nodes.ts'

describe('the local validator', () => {
  validatorCompliance(async () => {
    const repository = await createRepository(memoryBackend(), { readCacheBytes: 0 })
    const validator = localValidator()
    return {
      repository,
      async judge (writer, root, options) {
        const blobs = await repository.openReader()
        const committed = new Set((await repository.visible()).map(commit => commit.root))
        try {
          return await validator.validate({ snapshot: writer.id, root, blobs, committed }, options)
        } finally {
          await blobs.close()
        }
      },
      commit: async (writer, root) => { await writer.commit({ root: root.toString(), consensus: true, validatedBy: ['local'], statements: [] }) },
      close: async () => { await repository.close() },
    }
  })

  it('reads of a snapshot that builds on another only what is new, or the share that it was told', async () => {
    const repository = await createRepository(memoryBackend(), { readCacheBytes: 0 })
    const outputs = new AgentOutputs()
    for (let n = 0; n < 20; n++) outputs.add({ id: `thought-${n}`, value: seededBytes(400_000, String(n)).toString('hex') })
    const counts: number[] = []
    const counting = (options: LocalValidatorOptions): Validator => {
      const validator = localValidator(options)
      return {
        name: 'counting',
        async validate (proposal, within) {
          const verdict = await validator.validate(proposal, within)
          counts.push(verdict.blobs)
          return verdict
        },
      }
    }
    const take = async (options: LocalValidatorOptions): Promise<number> => {
      await createSnapshot(repository, { sources: [outputs], description: '', validators: [counting(options)] })
      return counts.at(-1)!
    }
    const all = await take({})
    expect(all).toBeGreaterThan(60)
    expect(await take({})).toBe(0)
    outputs.add({ id: 'thought-20', value: 'small' })
    expect(await take({})).toBe(1)
    expect(await take({ data: 1 })).toBe(all + 1)
    expect(await take({ data: 0.5, random: () => 0.7 })).toBe(await take({ data: 0.5, random: () => 0.9 }))
    expect(await take({ data: 0.5, random: () => 0.2 })).toBe(all + 1)
    await repository.close()
  })

  it('says that it checked the graph alone when it read no data', async () => {
    const repository = await createRepository(memoryBackend())
    const outputs = new AgentOutputs()
    outputs.add({ id: 'a', value: 'b' })
    await createSnapshot(repository, { sources: [outputs], description: '', validators: [localValidator({ data: 'none' })] })
    expect((await repository.visible())[0]!.statements[0]).toMatchObject({ checked: 'dag', accepts: true })
    await repository.close()
  })

  it('misses chunks also when it reads none', async () => {
    const blobs = new MemoryBlobs()
    const { content, hash } = await storeContent(bytesContent(seededBytes(200_000, 'x')), contextOf(blobs))
    const { bytes, cid } = encodeNode(nodeOf('n', { content, hash, metadata: { ...nodeOf('n').metadata, outputHashes: [hash] } }))
    await blobs.put(bytes)
    const snapshot = encodeSnapshot(snapshotOf(await writeNodeMap([['n', cid]], { blobs, seed: SEED })))
    await blobs.put(snapshot.bytes)
    const judge = async (): Promise<Verdict> => await localValidator({ data: 'none' }).validate({ snapshot: '', root: snapshot.cid, blobs, committed: new Set() })
    expect(await judge()).toMatchObject({ accepts: true, checked: 'dag' })
    const lost = (await Array.fromAsync(readEntries(content.root, blobs)))[3]!.link
    blobs.blobs.delete(addressOf(lost))
    expect((await judge()).errors.join()).toContain(lost.toString())
  })

  it('refuses a share that is none', async () => {
    for (const data of [-0.1, 1.1, NaN]) {
      await expect(localValidator({ data }).validate({ snapshot: '', root: blockCid('ab'.repeat(32)), blobs: new MemoryBlobs(), committed: new Set() })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    }
  })

  it('is called local', () => { expect(localValidator().name).toBe('local') })
})
