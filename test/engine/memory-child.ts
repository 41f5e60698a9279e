/**
 * Snapshot, second snapshot, verification and restore of so many megabytes of rows and bytes; prints the most memory in bytes that was
 * needed at any moment (what is left after a garbage collection, several times a second). Run with --expose-gc. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRepository } from '../../src/cas/repository.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { createSnapshot } from '../../src/engine/snapshot.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import type { Artifact, RestoreItem, Restorer, Source } from '../../src/sources/source.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'

const MEGABYTE = 1_000_000

/** A megabyte of text that compresses to about half: rows are windows of it. */
const TEXT = Buffer.from(Array.from({ length: MEGABYTE / 8 }, (_, index) => (Math.imul(index + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')).join(''))

/** So many bytes of text, others for each seed. */
function textOf (seed: number, length: number): Uint8Array {
  const start = Math.imul(seed, 7919) % (MEGABYTE - length)
  return TEXT.subarray(Math.abs(start), Math.abs(start) + length)
}

async function * rows (megabytes: number, day: number): AsyncGenerator<Uint8Array> {
  const block = Buffer.alloc(100 * 208)
  for (let id = 0; id < megabytes * MEGABYTE / 200; id += 100) {
    let end = 0
    for (let offset = 0; offset < 100; offset++) {
      end += block.write(`${id + offset}\t`, end, 'latin1')
      block.set(textOf(id + offset + ((id + offset) % 100 === day ? 7 : 0), 192), end)
      end += 192
      block[end++] = 10
    }
    yield Buffer.from(block.subarray(0, end))
  }
}

/** A table of which one row of a hundred changes a day, a table with long values, and a stream of bytes. */
function source (megabytes: number, day: number): Source {
  const columns = ['id', 'text']
  const artifacts: Artifact[] = [
    { id: 'big/rows/public.keyed', kind: 'pg.rows', deps: [], attributes: {}, content: { form: 'rows', layout: { columns, key: [{ order: 'integer' }] }, averageRowBytes: 200, read: () => rows(megabytes, day) } },
    { id: 'big/rows/public.heap', kind: 'pg.rows', deps: [], attributes: {}, content: { form: 'rows', layout: { columns, key: [] }, read: () => rows(megabytes / 4, day) } },
    { id: 'big/stream', kind: 'matrix', deps: [], attributes: {}, content: { form: 'bytes', read: () => rows(megabytes / 4, day) } },
    { id: 'big/rows/public.long', kind: 'pg.rows', deps: [], attributes: {}, content: { form: 'rows', layout: { columns, key: [{ order: 'integer' }] }, averageRowBytes: 200, read: () => longRow(megabytes / 4) } },
  ]
  const now = new Date(0).toISOString()
  return { name: 'big', capture: async () => ({ async * artifacts () { yield * artifacts }, finish: async () => ({ begin: now, end: now, facts: {}, notes: [] }), close: async () => {} }) }
}

/** One row with a value of so many megabytes. */
async function * longRow (megabytes: number): AsyncGenerator<Uint8Array> {
  yield Buffer.from('1\t')
  for (let piece = 0; piece < megabytes * 10; piece++) yield textOf(piece, MEGABYTE / 10)
  yield Buffer.from('\n')
}

/** Reads everything and keeps nothing. */
const sink: Restorer = {
  name: 'big',
  check: async () => [],
  holds: async () => false,
  async prepare (items: readonly RestoreItem[]) {
    for (const item of items) for await (const piece of item.read()) if (piece.length === 0) throw new Error('an empty piece')
  },
  commit: async () => {},
  abort: async () => {},
  close: async () => {},
}

const megabytes = Number(process.argv[2])
let most = 0
const sampling = setInterval(() => {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  most = Math.max(most, heapUsed + external)
}, 100)
const folder = await mkdtemp(join(tmpdir(), 'caf-memory-'))
try {
  const repository = await createRepository(directoryBackend(join(folder, 'repository')))
  await createSnapshot(repository, { sources: [source(megabytes, 1)], description: 'one' })
  const { id } = await createSnapshot(repository, { sources: [source(megabytes, 2)], description: 'two' })
  for await (const finding of verifyRepository(repository, { readData: 'all' })) throw new Error(finding.message)
  await restoreSnapshot(repository, id, { restorers: [sink], policy: { strategy: 'full' } })
  await repository.close()
  clearInterval(sampling)
  process.stdout.write(`${most}\n`)
} finally {
  await rm(folder, { recursive: true })
}
