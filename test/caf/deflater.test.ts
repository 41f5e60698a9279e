import { inflateRawSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { DeflatePiece } from '../../src/caf/deflater.ts'
import { Deflater, WINDOW_BYTES } from '../../src/caf/deflater.ts'
import { mapInOrder } from '../../src/cas/in-order.ts'
import { seededBytes } from '../compliance/chunker.ts'

const PIECE_BYTES = 512 * 1024
const PIECES = 40

/** Text, and what looks random, in pieces. */
function * pieces (): Generator<DeflatePiece> {
  const text = Buffer.from(seededBytes(PIECE_BYTES / 2, 'text').toString('hex'))
  const random = seededBytes(PIECE_BYTES, 'random')
  let window: Uint8Array = new Uint8Array()
  for (let i = 0; i < PIECES; i++) {
    const bytes = i % 5 === 4 ? random : text
    yield { bytes, window, isLast: i === PIECES - 1 }
    window = bytes.subarray(-WINDOW_BYTES)
  }
}

let deflater: Deflater

beforeEach(() => { deflater = new Deflater() })
afterEach(async () => { await deflater.close() })

describe('a deflater', () => {
  it('gives one stream of pieces that were deflated side by side, first without and then on threads', async () => {
    const deflated = await Array.fromAsync(mapInOrder(pieces(), 8, async piece => await deflater.deflate(piece)))
    const whole = Buffer.concat([...pieces()].map(({ bytes }) => bytes))
    expect(inflateRawSync(Buffer.concat(deflated)).equals(whole)).toBe(true)
  })

  it('gives equal bytes for equal pieces, on threads or not', async () => {
    const [first] = pieces()
    const alone = await deflater.deflate(first!)
    let last = alone
    for (let i = 0; i < PIECES; i++) last = await deflater.deflate(first!)
    expect(Buffer.compare(last, alone)).toBe(0)
  })
})
