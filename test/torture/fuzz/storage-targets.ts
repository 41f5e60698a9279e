import { createHash } from 'node:crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { PACK_PREFIX, SEGMENT_PREFIX, packNameOf, segmentNameOf } from '../../../src/cas/layout.ts'
import { HEAD_BYTES, TRAILER_BYTES } from '../../../src/cas/pack-format.ts'
import { readListing } from '../../../src/cas/pack-reader.ts'
import { encodeRecord } from '../../../src/cas/record.ts'
import { ConfigRecord, FinalRecord, ForgottenRecord, OutcomeRecord, PlanRecord, SessionRecord, VerifiedRecord, readRecord } from '../../../src/cas/records.ts'
import { decodeSegment } from '../../../src/cas/segment.ts'
import { createRepository, openRepository } from '../../../src/cas/repository.ts'
import { repairRepository } from '../../../src/engine/repair.ts'
import { planGarbage } from '../../../src/engine/garbage.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import { verifyRepository } from '../../../src/engine/verify.ts'
import { isBackupError } from '../../../src/errors.ts'
import { AgentOutputs } from '../../../src/sources/agents/agent-outputs.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import type { StorageBackend } from '../../../src/storage/storage-backend.ts'
import type { Chance } from '../chance.ts'
import { contentOf, restoreContent } from '../../damaged/damage.ts'
import { contentsOf } from '../world.ts'
import { deepCbor, deepJson, mutateBytes, mutateValue } from './mutation.ts'
import { madeTarget } from './target.ts'
import type { FuzzTarget } from './target.ts'

const DEEP = 100_000

/** Everything that lies in a repository. */
export async function storageTargets (): Promise<FuzzTarget[]> {
  const backend = memoryBackend()
  const repository = await createRepository(backend)
  const outputs = new AgentOutputs()
  for (let i = 0; i < 3; i++) {
    outputs.add({ id: `plan ${i}`, value: { steps: 'x'.repeat(200 * i), round: i } })
    const { id } = await createSnapshot(repository, { sources: [outputs], description: 'a seed' })
    if (i === 0) await repository.forget(id)
  }
  const content = await contentOf(backend)
  await repository.close()
  return [...recordTargets(content), segmentTarget(content), packTarget(content), hostileStorage(content)]
}

function recordTargets (content: ReadonlyMap<string, Uint8Array>): FuzzTarget[] {
  const schemas = [ConfigRecord, SessionRecord, OutcomeRecord, ForgottenRecord, PlanRecord, FinalRecord, VerifiedRecord]
  const seeds = [...content].filter(([key]) => /^(config|sessions|outcomes|forgotten)/.test(key)).map(([, bytes]) => bytes)
  const time = '2026-11-21T00:00:00.000Z'
  const name = '0123456789abcdef'.repeat(2)
  const more = [{ time, host: 'h', packs: [name] }, { time, delete: [name], segments: [name] }, { run: time, packs: { [name]: time } }].map(encodeRecord)
  const all = [...seeds, ...more]
  const values = all.map(bytes => membersOf(bytes))
  return [madeTarget('record', [...all, deepRecord()], chance => encodeRecord(mutateValue(chance.pick(values), chance) as Record<string, never>), async bytes => {
    for (const schema of schemas) {
      await readRecord({ get: async () => bytes }, 'x', schema).catch((error: unknown) => { if (!isBackupError(error)) throw error })
    }
  }, { weight: 15 })]
}

/** What a record says, without format and checksum. */
export function membersOf (bytes: Uint8Array): Record<string, unknown> {
  const { format: _format, checksum: _checksum, ...members } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>
  return members
}

/** Nested deeper than a stack, and with the right checksum. */
function deepRecord (): string {
  const content = `{"format":1,"deep":${deepJson(DEEP)}`
  return `${content},"checksum":"${createHash('sha256').update(`${content}}`).digest('hex')}"}`
}

function segmentTarget (content: ReadonlyMap<string, Uint8Array>): FuzzTarget {
  const found = [...content].filter(([key]) => key.startsWith(SEGMENT_PREFIX))
  const name = segmentNameOf(found[0]![0])!
  const seal = (body: Uint8Array): Buffer => {
    const hashed = Buffer.concat([Buffer.from('CAFINDX1'), body])
    return Buffer.concat([hashed, createHash('sha256').update(hashed).digest()])
  }
  const bodies = found.map(([, bytes]) => bytes.subarray(8, -32))
  return madeTarget('index segment', [...found.map(([, bytes]) => bytes), seal(deepCbor(DEEP))], chance => seal(encode(mutateValue(decode(chance.pick(bodies)!), chance, ODD_CBOR))), bytes => decodeSegment(name, bytes), {
    reseal: bytes => seal(bytes.subarray(8, -32)),
  })
}

const ODD_CBOR: readonly unknown[] = [null, true, -1, 0, 1.5, 2 ** 31, 2 ** 53 - 1, '', 'x', [], {}, new Uint8Array(0), new Uint8Array(16), new Uint8Array(32), new Uint8Array(33), [[]], { a: 1 }]

function packTarget (content: ReadonlyMap<string, Uint8Array>): FuzzTarget {
  const found = [...content].filter(([key]) => key.startsWith(PACK_PREFIX))
  const name = packNameOf(found[0]![0])!
  const seeds = found.map(([, bytes]) => bytes)
  const parse = async (bytes: Uint8Array): Promise<void> => {
    const backend = { size: async () => bytes.length, get: async (_: string, { offset = 0, length = Infinity } = {}) => Buffer.from(bytes.subarray(offset, offset + length)) }
    await readListing(backend as unknown as StorageBackend, name)
  }
  return madeTarget('pack', seeds, chance => withFooter(Buffer.from(chance.pick(seeds)!), footer => encode(mutateValue(decode(footer), chance, ODD_CBOR))), parse)
}

/** The pack with another footer, and the right length and hash of it. */
function withFooter (pack: Buffer, change: (footer: Uint8Array) => Uint8Array): Buffer {
  const trailer = pack.length - TRAILER_BYTES
  const start = Math.max(HEAD_BYTES, trailer - pack.readUInt32LE(trailer))
  const footer = change(pack.subarray(start, trailer))
  const length = Buffer.alloc(8)
  length.writeUInt32LE(footer.length)
  const hashed = Buffer.concat([pack.subarray(0, start), footer, length])
  return Buffer.concat([hashed, createHash('sha256').update(hashed).digest(), Buffer.from('CAFPEND1')])
}

/** A repository of which one object is another's work: opened, verified, read, planned to be collected, repaired. */
function hostileStorage (content: ReadonlyMap<string, Uint8Array>): FuzzTarget {
  const keys = [...content.keys()].filter(key => !key.startsWith('metadata/snapshots'))
  return {
    name: 'repository',
    weight: 1,
    // Key, a zero byte, and what stands there.
    input: chance => {
      const key = chance.pick(keys)!
      return Buffer.concat([Buffer.from(`${key}\0`), hostileObject(key, content.get(key)!, chance)])
    },
    async parse (bytes) {
      const border = bytes.indexOf(0)
      const backend = memoryBackend()
      await restoreContent(backend, content)
      await backend.put(Buffer.from(bytes.subarray(0, border)).toString(), bytes.subarray(border + 1))
      await useAll(backend)
    },
  }
}

function hostileObject (key: string, bytes: Uint8Array, chance: Chance): Uint8Array {
  if (chance.oneIn(3)) return mutateBytes([bytes], chance)
  try {
    if (key.startsWith(PACK_PREFIX)) return withFooter(Buffer.from(bytes), footer => encode(mutateValue(decode(footer), chance, ODD_CBOR)))
    if (key.startsWith(SEGMENT_PREFIX)) {
      const hashed = Buffer.concat([bytes.subarray(0, 8), encode(mutateValue(decode(bytes.subarray(8, -32)), chance, ODD_CBOR))])
      return Buffer.concat([hashed, createHash('sha256').update(hashed).digest()])
    }
    return encodeRecord(mutateValue(membersOf(bytes), chance) as Record<string, never>)
  } catch {
    return mutateBytes([bytes], chance) // it is no record, or became something that is none
  }
}

async function useAll (backend: StorageBackend): Promise<void> {
  const uses: Array<() => Promise<unknown>> = [
    async () => await (await openRepository(backend)).close(),
    async () => await Array.fromAsync(verifyRepository(await openRepository(backend), { readData: 'all' })),
    async () => await contentsOf(await openRepository(backend)),
    async () => await planGarbage(await openRepository(backend)),
    async () => await repairRepository(await openRepository(backend)),
    async () => await contentsOf(await openRepository(backend)),
  ]
  for (const use of uses) {
    await use().catch((error: unknown) => { if (!isBackupError(error)) throw error })
  }
}
