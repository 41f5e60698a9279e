/**
 * What chains of deltas cost to read and spare to store, by their depth: chunks of rows of which one of a hundred changes between two versions. Deltas are scripts,
 * as of tables that are read by what changed, or made with dictionaries. Prints a table. node test/bench/delta-depth.ts [megabytes]
 */
import { addressOf } from '../../src/cas/address.ts'
import type { CopiedSpan } from '../../src/cas/blob-store.ts'
import { applyScript, encodeScript } from '../../src/cas/edit-script.ts'
import { compress, decompress, free } from '../../src/cas/zstd.ts'
import { factRows } from './rows.ts'

const CHUNK_BYTES = 128 * 1024
const DEPTHS = [0, 1, 2, 4, 8, 16, 32]
const chunks = Math.round(Number(process.argv[2] ?? 16) * 1_000_000 / CHUNK_BYTES)

type Kind = 'scripts' | 'dictionaries'

/** What one chunk is stored as: plain, then each version's delta of the one before. */
interface Chain {
  readonly kind: Kind
  readonly frames: readonly Uint8Array[]
  readonly lengths: readonly number[]
  readonly address: string
}

function factRow (id: number): string {
  const [row] = factRows(id, id + 1, 1000)
  return row!
}

function chainOf (kind: Kind, chunk: number, depth: number): Chain {
  const rows: string[] = []
  for (let size = 0; size < CHUNK_BYTES; size += rows.at(-1)!.length) rows.push(factRow(chunk * 10_000 + rows.length))
  const versions = [Buffer.from(rows.join(''))]
  const frames = [compress(versions[0]!)]
  for (let day = 1; day <= depth; day++) {
    const before = [...rows]
    for (let changed = 0; changed < rows.length / 100; changed++) rows[(day * 7919 + changed * 97) % rows.length] = factRow(chunk * 10_000 + day * 100 + changed + 1_000_000)
    const [base, version] = [versions.at(-1)!, Buffer.from(rows.join(''))]
    frames.push(kind === 'scripts' ? encodeScript(version, base, sameRows(before, rows))! : compress(version, { dictionary: base }))
    versions.push(version)
  }
  return {
    kind,
    frames,
    lengths: versions.map(({ length }) => length),
    address: addressOf(versions.at(-1)!),
  }
}

/** What rows that stayed in their places took over. */
function sameRows (before: readonly string[], rows: readonly string[]): CopiedSpan[] {
  const copies: CopiedSpan[] = []
  let [at, from] = [0, 0]
  for (const [i, row] of rows.entries()) {
    if (row === before[i]) copies.push({ at, from, length: row.length })
    at += row.length
    from += before[i]!.length
  }
  return copies
}

/** As a reader does: each made of the one before, and the last one hashed. */
function read ({ kind, frames, lengths, address }: Chain): void {
  let base: Uint8Array | undefined
  for (const [i, frame] of frames.entries()) {
    const bytes = kind === 'scripts' && base !== undefined ? applyScript(frame, base, lengths[i]!) : decompress(frame, lengths[i]!, { dictionary: base })
    if (base !== undefined) free(base)
    base = bytes
  }
  if (addressOf(base!) !== address) throw new Error('a chain gives other bytes')
}

for (const depth of DEPTHS) {
  for (const kind of ['dictionaries', 'scripts'] as const) {
    const chains = Array.from({ length: chunks }, (_, i) => chainOf(kind, i, depth))
    const plain = chains.reduce((sum, { lengths }) => sum + lengths.at(-1)!, 0)
    const stored = chains.reduce((sum, { frames }) => sum + frames.reduce((bytes, { length }) => bytes + length, 0), 0)
    const begun = process.cpuUsage()
    for (const chain of chains) read(chain)
    const { user, system } = process.cpuUsage(begun)
    const ms = (user + system) / 1000
    console.log(`depth ${String(depth).padStart(2)}, ${kind.padStart(12)}: ${(ms / chunks).toFixed(2)} ms of a processor for a chunk, ${(plain / 1000 / ms).toFixed(0)} MB/s; ${(stored / (depth + 1) / plain * 100).toFixed(1)} % stored for each version`)
  }
}
