import { buffer } from 'node:stream/consumers'
import { pack as tarPack } from 'tar-stream'
import { beforeAll, describe, expect, it } from 'vitest'
import type { Address } from '../../src/cas/blob-store.ts'
import { createRepository, openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { splitRow } from '../../src/chunking/copy-text.ts'
import { parseReference } from '../../src/chunking/value-reference.ts'
import { CID, addressOf, isChunk, readBlob } from '../../src/dag/block.ts'
import type { NodeBlock } from '../../src/dag/node.ts'
import { decodeTree } from '../../src/dag/tree.ts'
import { readEntries } from '../../src/dag/tree-reader.ts'
import type { Place } from '../../src/engine/place.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { findView, loadNodes } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Content } from '../../src/sources/source.ts'
import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { seededBytes } from '../cas/seeded-bytes.ts'
import { CHUNKER, SEED, bytesContent, fileOf, filesOf, seeded, tableOf } from '../dag/contents.ts'
import { artifactSource } from './artifact-source.ts'
import { flipBlob } from './flip-blob.ts'

/** What is lost with a blob: numbers of bytes, or of rows with, for a value out of line, which of its bytes. */
type Truth = Map<Address, Set<string>>

const ROWS = 2_000
const text = (name: string, length: number): string => seededBytes(length, name).toString('base64').slice(0, length)
const plainRow = (i: number): string => `${i * 3}\t${text(`row ${i}`, 60)}`
const rowOf = (i: number): string => i % 500 === 7 ? `${i * 3}\t${text(`long ${i % 1000}`, 90_000)}` : plainRow(i)
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

async function tarOf (members: number): Promise<Buffer> {
  const tar = tarPack()
  for (const i of range(members)) tar.entry({ name: `segment-${i}/vectors.dat`, mtime: new Date(0) }, seededBytes(seeded(`size ${i}`, 40_000), `member ${i}`))
  tar.finalize()
  return await buffer(tar)
}

const files = [...range(1_200).map(i => fileOf(`folder-${String(i).padStart(5, '0')}`, '', { type: 'directory' })), ...range(20).map(i => fileOf(`notes/${String.fromCharCode(97 + i)}.md`, seededBytes(1 + seeded(`file ${i}`, 60_000), `file ${i}`)))]

const CONTENTS: Readonly<Record<string, () => Promise<Content>>> = {
  'rows with a key': async () => tableOf(range(ROWS).map(rowOf), { averageRowBytes: 2_048 }),
  'rows with a key of two columns': async () => tableOf(range(1_000).map(i => `${Math.floor(i / 7)}\tname \\\\ ${i % 7}\t${text(`row ${i}`, 60)}`), { averageRowBytes: 2_048, columns: ['a', 'b', 'c'], key: [{ order: 'integer' }, { order: 'bytes' }] }),
  'rows without a key': async () => tableOf(range(ROWS).map(rowOf), { key: [] }),
  bytes: async () => bytesContent(seededBytes(500_000, 'bytes')),
  'a tar': async () => bytesContent(await tarOf(12), 'tar'),
  files: async () => filesOf(files),
}

describe.each(Object.entries(CONTENTS))('damage in %s', (_name, contentOf) => {
  let repository: Repository
  let node: NodeBlock
  let truth: Truth
  const blockAddresses = new Set<Address>()
  beforeAll(async () => {
    repository = await createRepository(memoryBackend(), { chunker: CHUNKER, seed: SEED })
    const content = await contentOf()
    const { id } = await createSnapshot(repository, { sources: [artifactSource('it', () => [{ id: 'it/matrix/x', kind: 'matrix', content }])], description: '' })
    node = (await loadNodes(await findView(repository, id), repository)).get('it/matrix/x')!.node
    truth = await truthOf(node, repository)
  })

  it('is named with exactly what it hits, in chunks and in the blocks above them', async () => {
    const all = [...truth.keys()]
    const step = Math.ceil(all.length / 25)
    const blocks = all.filter(address => blockAddresses.has(address))
    const chosen = new Set([...all.filter((_, i) => i % step === 0), all.at(-1)!, ...blocks.slice(0, 8)])
    expect(all.length).toBeGreaterThan(15)
    for (const address of chosen) {
      await flipBlob(repository, address)
      const fresh = await openRepository(repository.backend)
      const findings = await Array.fromAsync(verifyRepository(fresh, { readData: 'all' }))
      await fresh.close()
      await flipBlob(repository, address)
      const places = findings.filter(finding => finding.address === address).flatMap(({ affected }) => affected.map(({ place }) => place))
      expect(new Set(places.flatMap(place => unitsOf(place, node))), address).toEqual(truth.get(address))
      expect(findings.filter(({ severity }) => severity === 'error').map(finding => finding.address)).toEqual([address])
      for (const place of places) expectKeys(place)
    }
  }, 30_000)

  it('is named as all of it when it is in the root', async () => {
    await flipBlob(repository, addressOf(node.content.root))
    const findings = await Array.fromAsync(verifyRepository(await openRepository(repository.backend)))
    await flipBlob(repository, addressOf(node.content.root))
    expect(findings.flatMap(({ affected }) => affected)).toMatchObject([{ node: 'it/matrix/x', detail: 'all of it', place: {} }])
  })

  /** Goes through the whole content by itself, and notes at each blob what cannot be read without it. */
  async function truthOf ({ content }: NodeBlock, blobs: Repository): Promise<Truth> {
    const found: Truth = new Map()
    const note = (address: Address, units: Iterable<string>): void => { found.set(address, new Set([...found.get(address) ?? [], ...units])) }
    const bytesBelow = async (cid: CID, offset: number, unit: (byte: number) => string): Promise<{ length: number, units: string[] }> => {
      const blob = await readBlob(blobs, cid)
      if (isChunk(cid)) {
        const units = [unit(offset), unit(offset + blob.length - 1)]
        note(addressOf(cid), units)
        return { length: blob.length, units }
      }
      blockAddresses.add(addressOf(cid))
      let length = 0
      const units: string[] = []
      for (const { link } of decodeTree(blob, cid).entries) {
        const below = await bytesBelow(link, offset + length, unit)
        length += below.length
        units.push(...below.units)
      }
      const ends = [units[0]!, units.at(-1)!]
      note(addressOf(cid), ends)
      return { length, units: ends }
    }
    let row = 0
    const rowsBelow = async (cid: CID): Promise<string[]> => {
      const blob = Buffer.from(await readBlob(blobs, cid))
      const units: string[] = []
      if (isChunk(cid)) {
        for (const line of blob.toString('latin1').split('\n').slice(0, -1)) {
          const number = ++row
          for (const [column, value] of splitRow(Buffer.from(line, 'latin1')).entries()) {
            const reference = parseReference(value)
            if (reference === undefined) continue
            const path = content.form === 'files' ? line.slice(0, line.indexOf('\t')) : `row ${number} column ${column}`
            await bytesBelow(CID.parse(reference.text), 0, byte => `${path} byte ${byte}`)
          }
          units.push(`row ${number}`)
        }
      } else {
        blockAddresses.add(addressOf(cid))
        for (const { link } of decodeTree(blob, cid).entries) units.push(...await rowsBelow(link))
      }
      note(addressOf(cid), units)
      return units
    }
    await (content.form === 'bytes' ? bytesBelow(content.root, 0, byte => `byte ${byte}`) : rowsBelow(content.root))
    return found
  }

  /** The same of what a finding names. Of bytes the first and the last, which is all there is to a range. */
  function unitsOf ({ bytes, rows, file, column }: Place, { content }: NodeBlock): string[] {
    const ends = (length: number): number[] => bytes === undefined ? [0, length - 1] : [bytes.first, bytes.last]
    if (file !== undefined) return ends(files.find(({ path }) => path === file)!.sizeBytes).map(byte => `${file} byte ${byte}`)
    if (column !== undefined && rows !== undefined) return ends(90_000).map(byte => `row ${rows.first} column ${content.form === 'rows' ? content.columns.indexOf(column) : -1} byte ${byte}`)
    if (content.form === 'bytes') return ends(content.size).map(byte => `byte ${byte}`)
    const { first, last } = rows ?? { first: 1, last: content.count }
    return range(last - first + 1).map(i => `row ${first + i}`)
  }

  function expectKeys ({ rows, from, before }: Place): void {
    if (node.content.form === 'bytes' || rows === undefined) return
    if (node.content.form === 'files') {
      expect(from).toEqual([files[rows.first - 1]!.path])
      expect(before).toEqual(rows.last < files.length ? [files[rows.last]!.path] : undefined)
    } else if (node.content.key.length === 1) {
      expect(from).toEqual([String((rows.first - 1) * 3)])
      if (rows.last > rows.first) expect(before).toEqual(rows.last < ROWS ? [String(rows.last * 3)] : undefined)
    } else if (node.content.key.length === 2) expect(from).toEqual([String(Math.floor((rows.first - 1) / 7)), `name \\ ${(rows.first - 1) % 7}`])
    else expect([from, before]).toEqual([undefined, undefined])
  }
})

it('names the members of a tar', async () => {
  const repository = await createRepository(memoryBackend(), { chunker: CHUNKER, seed: SEED })
  const content = bytesContent(await tarOf(5), 'tar')
  const { id } = await createSnapshot(repository, { sources: [artifactSource('it', () => [{ id: 'it/collection/x', kind: 'qdrant.collection', content }])], description: '' })
  const { node } = (await loadNodes(await findView(repository, id), repository)).get('it/collection/x')!
  const entries = await Array.fromAsync(readEntries(node.content.root, repository))
  const at = (label: string): Address => addressOf(entries.find(({ key }) => Buffer.from(key!).toString() === label)!.link)
  for (const label of ['segment-2/vectors.dat\0h', 'segment-3/vectors.dat\x000']) await flipBlob(repository, at(label))
  const findings = await Array.fromAsync(verifyRepository(await openRepository(repository.backend), { readData: 'all' }))
  expect(findings.flatMap(({ affected }) => affected.map(({ detail }) => detail))).toEqual([
    expect.stringMatching(/^bytes \d+ to \d+: the header of member segment-2\/vectors\.dat$/), expect.stringMatching(/^bytes \d+ to \d+: part of member segment-3\/vectors\.dat$/),
  ])
})
