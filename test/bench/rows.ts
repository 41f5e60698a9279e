import { seededRandom, sentence } from './random.ts'

/** How many of each there are. */
export interface Population {
  readonly users: number
  readonly facts: number
  readonly edges: number
  readonly sessions: number
}

export function population (scale: number): Population {
  const of = (count: number): number => Math.max(100, Math.round(count * scale))
  return { users: of(100_000), facts: of(1_500_000), edges: of(2_000_000), sessions: of(50_000) }
}

const RELATIONS = ['implies', 'contradicts', 'mentions', 'caused_by', 'part_of', 'same_as', 'follows']
const DAY_ZERO = Date.UTC(2026, 0, 1)

/** Lines of COPY's text for the users `from` to `to` − 1. */
export function * userRows (from: number, to: number): Generator<string> {
  for (let number = from; number < to; number++) {
    const random = seededRandom(number)
    yield `${userId(number)}\tuser${number}@example.com\t$2b$10$${pieceOfBase36(random, 48)}\t${moment(number * 37)}\t{"plan": "${number % 3 === 0 ? 'pro' : 'free'}", "locale": "en"}\n`
  }
}

/** Lines for the facts `from` to `to` − 1 of `users` users. */
export function * factRows (from: number, to: number, users: number): Generator<string> {
  for (let id = from; id < to; id++) {
    const random = seededRandom(id * 3 + 1)
    const text = sentence(random, 10 + Math.floor(random() * 25))
    const vector = Array.from({ length: 16 }, () => Math.fround(random() * 2 - 1).toPrecision(7)).join(',')
    yield `${id}\t${userId(Math.floor(random() * users))}\t${text}\t{${vector}}\t${random().toFixed(3)}\t${moment(id * 11)}\n`
  }
}

/** Lines for the edges `from` to `to` − 1 between the first `facts` facts. */
export function * edgeRows (from: number, to: number, facts: number): Generator<string> {
  for (let id = from; id < to; id++) {
    const random = seededRandom(id * 5 + 2)
    const fact = (): number => 1 + Math.floor(random() * facts)
    yield `${id}\t${fact()}\t${fact()}\t${RELATIONS[Math.floor(random() * RELATIONS.length)]!}\t${random().toFixed(4)}\t${moment(id * 7)}\t{"by": "extractor-${id % 5}", "run": ${Math.floor(id / 1_000)}}\n`
  }
}

/** Lines for the sessions `from` to `to` − 1: transcripts of 1 to 4 KB as jsonb. */
export function * sessionRows (from: number, to: number, users: number): Generator<string> {
  for (let id = from; id < to; id++) {
    const random = seededRandom(id * 7 + 3)
    const turns = Array.from({ length: 4 + Math.floor(random() * 14) }, (_, turn) => ({ role: turn % 2 === 0 ? 'user' : 'assistant', text: sentence(random, 15 + Math.floor(random() * 30)) }))
    yield `${id}\t${userId(Math.floor(random() * users))}\t${JSON.stringify({ model: 'm-1', turns })}\t${moment(id * 301)}\n`
  }
}

function userId (number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`
}

function moment (seconds: number): string {
  return new Date(DAY_ZERO + seconds * 1_000).toISOString()
}

function pieceOfBase36 (random: () => number, length: number): string {
  let text = ''
  while (text.length < length) text += Math.floor(random() * 2_176_782_336).toString(36)
  return text.slice(0, length)
}
