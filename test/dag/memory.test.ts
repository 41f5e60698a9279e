import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { storeContent } from '../../src/dag/content.ts'
import type { StoreContext } from '../../src/dag/content.ts'
import type { Content } from '../../src/sources/source.ts'
import { CHUNKER, SEED } from './contents.ts'

/** Blobs that nobody keeps. */
const blobs: StoreContext['blobs'] = {
  put: async bytes => ({ address: hash('sha256', bytes, 'hex'), stored: 'new', storedBytes: bytes.length }),
  get: async () => undefined,
}
const MEGABYTE = 1_000_000

async function peakOf (content: Content): Promise<{ growth: number, megabytes: number }> {
  const before = process.memoryUsage.rss()
  let peak = before, megabytes = 0
  const onBytes = (bytes: number): void => {
    megabytes += bytes / MEGABYTE
    peak = Math.max(peak, process.memoryUsage.rss())
  }
  await storeContent(content, { blobs, seed: SEED, chunker: { ...CHUNKER, min: 16_384, average: 65_536, max: 262_144 }, onBytes })
  return { growth: (peak - before) / MEGABYTE, megabytes }
}

/** 260 MB of rows of 2.6 KB. */
async function * rowText (): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 100_000;) {
    let text = ''
    while (text.length < 65_536) text += `${i}\t${String(i++).repeat(2_600).slice(0, 2_590)}\n`
    yield Buffer.from(text)
  }
}

async function * pieces (count: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(65_536)
  for (let i = 0; i < count; i++) {
    for (let at = 0; at < piece.length; at += 97) piece[at] = piece[at]! * 31 + i
    yield piece
  }
}

describe('memory does not grow with what is stored', () => {
  const rows = (key: boolean): Content => ({ form: 'rows', layout: { columns: ['id', 'text'], key: key ? [{ order: 'integer' }] : [] }, read: rowText })

  it.each<[string, Content]>([
    ['rows with a key', rows(true)],
    ['rows without a key', rows(false)],
    ['a long value', { form: 'rows', layout: { columns: ['id', 'value'], key: [{ order: 'integer' }] }, async * read () {
      yield Buffer.from('1\t')
      for (let i = 0; i < 300; i++) yield Buffer.alloc(MEGABYTE, `${i}`)
      yield Buffer.from('\n')
    } }],
    ['a byte stream', { form: 'bytes', read: () => pieces(4_500) }],
  ])('%s', async (_, content) => {
    const { growth, megabytes } = await peakOf(content)
    expect(megabytes).toBeGreaterThan(250)
    expect(growth).toBeLessThan(160)
  })
})
