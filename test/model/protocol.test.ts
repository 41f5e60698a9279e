import { describe, expect, it } from 'vitest'
import { protocol } from './protocol.ts'
import { RULES } from './rules.ts'
import type { Rule } from './rules.ts'
import type { Scenario, WriterTask } from './scenario.ts'
import { search } from './search.ts'
import type { Found, SearchOptions } from './search.ts'

/** Stores blob A, or finds it stored. */
const PUTS: WriterTask = { puts: [{ blob: 0 }] }
/** Takes blob A over from its parent. */
const INHERITS: WriterTask = { puts: [], inherits: true }
/** As that, by an index that was read before its session. */
const REMEMBERS: WriterTask = { ...PUTS, remembers: true }
/** Each stores one blob whole, and the other as its delta: the other way round than the other. */
const DELTAS: readonly WriterTask[] = [{ puts: [{ blob: 0 }, { blob: 1, base: 0 }] }, { puts: [{ blob: 1 }, { blob: 0, base: 1 }] }]

const SMALL: Scenario = { packs: [0], writers: [PUTS], readers: 0, collectors: 1, copying: false }
const TWO_COLLECTORS: Scenario = { ...SMALL, collectors: 2 }
const ALL: Scenario = { packs: [0], writers: [PUTS, INHERITS], readers: 1, collectors: 2, copying: false, coarse: true }

function found (name: string, scenario: Scenario, options?: SearchOptions): Found | undefined {
  const { states, found } = search(protocol(scenario), options)
  const trace = found?.trace.map(line => `\n  ${line}`).join('') ?? ''
  process.stdout.write(`${name}: ${states.toLocaleString('en')} states${found === undefined ? '' : `, ${found.why} when${trace}`}\n`)
  return found
}

/** In small steps, and with a look for actors that others could keep from their end. */
const CASTS: Record<string, Scenario> = {
  'a writer, a reader and a collector that copies': { ...SMALL, readers: 1, copying: true },
  'two writers and a collector that copies': { ...SMALL, writers: [PUTS, PUTS], copying: true },
  'a writer that takes over from its parent, a reader and a collector that copies': { ...SMALL, writers: [INHERITS], readers: 1, copying: true },
  'two writers, a reader and a collector': { ...SMALL, writers: [PUTS, INHERITS], readers: 1 },
  'a writer and two collectors': TWO_COLLECTORS,
  'a writer and two collectors that copy': { ...TWO_COLLECTORS, copying: true, coarse: true },
  'a writer that remembers the index and two collectors': { ...TWO_COLLECTORS, writers: [REMEMBERS] },
  'two writers of deltas and a collector that copies': { ...SMALL, packs: [], writers: DELTAS, copying: true },
}

const LARGE_CASTS: Record<string, Scenario> = {
  'two writers that put, two collectors and a reader': { ...ALL, writers: [PUTS, PUTS] },
  'two writers that take over, two collectors and a reader': { ...ALL, writers: [INHERITS, INHERITS] },
  'a writer that puts and three collectors': { ...ALL, writers: [PUTS], readers: 0, collectors: 3 },
  'a writer that takes over and three collectors': { ...ALL, writers: [INHERITS], readers: 0, collectors: 3 },
  'a writer and two collectors that copy, in small steps': { ...TWO_COLLECTORS, copying: true },
  'a writer, a reader and two collectors, in small steps': { ...TWO_COLLECTORS, readers: 1 },
}

if (process.env['SLOW'] !== '1') process.stderr.write('skipping the large casts of the protocol, which take minutes: set SLOW=1\n')

describe('the protocol', () => {
  it.each(Object.entries(CASTS))('loses nothing and blocks nobody for ever: %s', (name, scenario) => {
    expect(found(name, scenario)).toBeUndefined()
  })

  it('loses nothing: two writers, two collectors and a reader', () => {
    expect(found('two writers, two collectors and a reader', ALL, { ends: false })).toBeUndefined()
  })

  it.runIf(process.env['SLOW'] === '1').each(Object.entries(LARGE_CASTS))('loses nothing: %s', (name, scenario) => {
    expect(found(name, scenario, { ends: false })).toBeUndefined()
  })
})

describe('something is lost or blocked without the rule that', () => {
  /** Where its lack shows with the fewest actors, and what then happens. */
  const lacks: Record<Rule, { readonly scenario: Scenario, readonly why: RegExp }> = {
    remark: { scenario: SMALL, why: /^snapshot 1 lacks/ },
    remarkTwice: { scenario: { ...SMALL, writers: [INHERITS] }, why: /^snapshot 1 lacks/ },
    oneRecord: { scenario: SMALL, why: /^snapshot 1 lacks/ },
    newNames: { scenario: SMALL, why: /^snapshot 1 lacks/ },
    sessionFirst: { scenario: SMALL, why: /^snapshot 1 lacks/ },
    parentsAfter: { scenario: { ...SMALL, writers: [], readers: 1 }, why: /^snapshot 0 lacks/ },
    sessionsAreRoots: { scenario: { ...SMALL, writers: [], readers: 1 }, why: /^snapshot 0 lacks/ },
    plansStay: { scenario: TWO_COLLECTORS, why: /^snapshot 1 lacks/ },
    outcomesStay: { scenario: SMALL, why: /^snapshot 1 lacks/ },
    oneFinal: { scenario: TWO_COLLECTORS, why: /^snapshot 1 lacks/ },
    listedFirst: { scenario: { ...TWO_COLLECTORS, writers: [], copying: true }, why: /^snapshot 0 lacks/ },
    smallerDepth: { scenario: { ...SMALL, packs: [], writers: DELTAS, copying: true }, why: /^snapshot 1 lacks/ },
    leases: { scenario: SMALL, why: /^collector 1 never ends/ },
    helping: { scenario: TWO_COLLECTORS, why: /^collector 1 never ends/ },
  }
  it.each(Object.keys(RULES).map(rule => ({ without: rule as Rule, text: RULES[rule as Rule] })))('$text', ({ without, text }) => {
    const { scenario, why } = lacks[without]
    expect(found(`\nunless ${text}`, { ...scenario, without })?.why).toMatch(why)
  })
})
