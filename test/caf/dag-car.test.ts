import { CarReader } from '@ipld/car/reader'
import { describe, expect, it } from 'vitest'
import { readDag, writeDag } from '../../src/caf/dag-car.ts'
import { bytesOf } from '../../src/stream.ts'
import { walk } from '../../src/dag/walk.ts'
import { buildSnapshot, sampleArtifacts } from './sample-snapshot.ts'

const { root, blobs } = await buildSnapshot(sampleArtifacts())
const car = Buffer.concat(await Array.fromAsync(writeDag(root, blobs)))

describe('writeDag', () => {
  it('writes the blocks of a walk, each once, and no chunk', async () => {
    const visits = (await Array.fromAsync(walk([root], blobs))).filter(({ kind }) => kind !== 'chunk')
    const reader = await CarReader.fromBytes(car)
    expect((await reader.getRoots()).map(String)).toEqual([root.toString()])
    expect(await Array.fromAsync(reader.cids(), String)).toEqual(visits.map(({ cid }) => cid.toString()))
  })

  it('fails when a block is missing, after what came before', async () => {
    const some = { get: async (address: string) => address === [...blobs.blobs.keys()].at(-1) ? undefined : await blobs.get(address) }
    await expect(Array.fromAsync(writeDag(root, some))).rejects.toMatchObject({ code: 'BLOB_MISSING' })
  })
})

describe('readDag', () => {
  it('gives the blocks back, in whatever pieces they come', async () => {
    const single = async function * (): AsyncGenerator<Uint8Array> {
      for (const byte of car.subarray(0, 20_000)) yield Uint8Array.of(byte)
      yield car.subarray(20_000)
    }
    const blocks = await Array.fromAsync(readDag(single(), root))
    for (const { cid, bytes } of blocks) expect(Buffer.from(cid.multihash.digest).toString('hex')).toSatisfy((address: string) => Buffer.compare(blobs.blobs.get(address)!, bytes) === 0)
    expect(blocks[0]).toMatchObject({ kind: 'snapshot' })
  })

  it('closes its source when its reader leaves', async () => {
    let closed = false
    const source = async function * (): AsyncGenerator<Uint8Array> {
      try {
        yield car
      } finally {
        closed = true
      }
    }
    for await (const { kind } of readDag(source(), root)) if (kind === 'node') break
    expect(closed).toBe(true)
  })

  it('does not believe a block that promises petabytes', async () => {
    const headerLength = 1 + car[0]!
    const bomb = Buffer.concat([car.subarray(0, headerLength), Buffer.from('ffffffffffff7f', 'hex'), car.subarray(car.indexOf(root.bytes, headerLength))])
    await expect(Array.fromAsync(readDag(bytesOf(bomb), root))).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT', message: expect.stringContaining('says that it has') as string })
  })
})
