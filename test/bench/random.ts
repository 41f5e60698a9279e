import { createCipheriv } from 'node:crypto'
import type { Cipheriv } from 'node:crypto'

/** A small seeded generator (mulberry32) of numbers from 0 to 1: the same data on every machine. */
export function seededRandom (seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Bytes that nothing can compress, quicker than a generator of numbers makes them. */
export function noise (seed: number): (length: number) => Buffer {
  const key = Buffer.alloc(16)
  key.writeUInt32BE(seed >>> 0)
  const cipher: Cipheriv = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  return length => cipher.update(Buffer.alloc(length))
}

const SYLLABLES = ['ka', 'lo', 'mi', 'ren', 'sha', 'to', 'vel', 'an', 'dor', 'e', 'fi', 'gra', 'hu', 'ix', 'jo', 'na', 'pe', 'qui', 'ra', 'sto', 'ul', 'wen', 'ya', 'zo']
const WORD_COUNT = 4_000

const WORDS = words()

function words (): readonly string[] {
  const random = seededRandom(11)
  const syllable = (): string => SYLLABLES[Math.floor(random() * SYLLABLES.length)]!
  return Array.from({ length: WORD_COUNT }, () => Array.from({ length: 1 + Math.floor(random() * 4) }, syllable).join(''))
}

/** So many words, frequent ones often, as people write: compresses to about a third. */
export function sentence (random: () => number, count: number): string {
  let text = ''
  for (let number = 0; number < count; number++) {
    const place = random()
    text += (number === 0 ? '' : ' ') + WORDS[Math.floor(place * place * place * WORD_COUNT)]!
  }
  return text
}
