/**
 * What chains of deltas cost to read and spare to store, by their depth: chunks of rows of which one of a hundred changes between two versions.
 * Prints a table. node test/bench/delta-depth.ts [megabytes]
 */
import { addressOf } from '../../src/cas/address.ts'
import { compress, decompress, free } from '../../src/cas/zstd.ts'
import { factRows } from './rows.ts'

const CHUNK_BYTES = 128 * 1024
const DEPTHS = [0, 1, 2, 4, 8, 16, 32]
const chunks = Math.round(Number(process.argv[2] ?? 16) * 1_000_000 / CHUNK_BYTES)

/** Frames of one chunk: plain, then each version's delta of the one before. */
interface Chain {
  readonly frames: readonly Uint8Array[]
  readonly lengths: readonly number[]
  readonly address: string
}

function factRow (id: number): string {
  const [row] = factRows(id, id + 1, 1000)
  return row!
}

function chainOf (chunk: number, depth: number): Chain {
  const rows: string[] = []
  for (let size = 0; size < CHUNK_BYTES; size += rows.at(-1)!.length) rows.push(factRow(chunk * 10_000 + rows.length))
  const versions = [Buffer.from(rows.join(''))]
  for (let day = 1; day <= depth; day++) {
    for (let changed = 0; changed < rows.length / 100; changed++) rows[(day * 7919 + changed * 97) % rows.length] = factRow(chunk * 10_000 + day * 100 + changed + 1_000_000)
    versions.push(Buffer.from(rows.join('')))
  }
  return {
    frames: versions.map((version, i) => compress(version, { dictionary: versions[i - 1] })),
    lengths: versions.map(({ length }) => length),
    address: addressOf(versions.at(-1)!),
  }
}

/** As a reader does: each frame with the one before as its dictionary, and each hashed. */
function read ({ frames, lengths, address }: Chain): void {
  let base: Uint8Array | undefined
  let found = ''
  for (const [i, frame] of frames.entries()) {
    const bytes = decompress(frame, lengths[i]!, { dictionary: base })
    found = addressOf(bytes)
    if (base !== undefined) free(base)
    base = bytes
  }
  if (found !== address) throw new Error('a chain gives other bytes')
}

for (const depth of DEPTHS) {
  const chains = Array.from({ length: chunks }, (_, i) => chainOf(i, depth))
  const plain = chains.reduce((sum, { lengths }) => sum + lengths.at(-1)!, 0)
  const stored = chains.reduce((sum, { frames }) => sum + frames.reduce((bytes, { length }) => bytes + length, 0), 0)
  const begun = process.cpuUsage()
  for (const chain of chains) read(chain)
  const { user, system } = process.cpuUsage(begun)
  const ms = (user + system) / 1000
  console.log(`depth ${String(depth).padStart(2)}: ${(ms / chunks).toFixed(2)} ms of a processor for a chunk, ${(plain / 1000 / ms).toFixed(0)} MB/s; ${(stored / (depth + 1) / plain * 100).toFixed(1)} % stored for each version`)
}
