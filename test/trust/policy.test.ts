import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatVkey, noteSigner, SIGNATURE_TYPE } from '../../src/trust/log/note-key.ts'
import type { NoteKey } from '../../src/trust/log/note-key.ts'
import { parsePolicy } from '../../src/trust/policy/parse-policy.ts'
import { formatQuorum, quorumReached, witnessesOf } from '../../src/trust/policy/policy.ts'

const keyOf = (name: string, seed: number, type: 1 | 4 = SIGNATURE_TYPE.cosignature): NoteKey => noteSigner(name, Buffer.alloc(32, seed), type).key
const log = formatVkey(keyOf('example.com/log', 200, SIGNATURE_TYPE.ed25519))
const witness = (seed: number): string => formatVkey(keyOf(`w${seed}`, seed))
const keys = (...seeds: number[]): NoteKey[] => seeds.map(seed => keyOf(`w${seed}`, seed))
const lines = (...all: string[]): string => all.map(line => `${line}\n`).join('')
const refused = (text: string | Uint8Array): unknown => {
  try {
    return parsePolicy(text)
  } catch (error) {
    return error
  }
}

/** The example of the standard, with keys. */
const EXAMPLE = lines(
  `log ${log}`, '',
  `witness X1 ${witness(1)}`, `witness X2 ${witness(2)}`, `witness X3 ${witness(3)}`, 'group X-witnesses 2 X1 X2 X3', '',
  `witness Y1 ${witness(4)}`, `witness Y2 ${witness(5)}`, `witness Y3 ${witness(6)}`, 'group Y-witnesses any Y1 Y2 Y3', '',
  'group X-and-Y all X-witnesses Y-witnesses', 'quorum X-and-Y',
)

describe('a policy file', () => {
  it('as docs/validators.md shows one is valid', () => {
    const text = readFileSync(new URL('../../docs/validators.md', import.meta.url), 'utf8')
    const { logs, witnesses, quorum } = parsePolicy(/```\n(log .*?)```/s.exec(text)![1]!)
    expect([logs.length, witnesses.length]).toEqual([1, 3])
    expect(formatQuorum(quorum)).toMatch(/^2 of \(/)
  })

  it('is read as the standard says', () => {
    const policy = parsePolicy(EXAMPLE)
    expect(policy.logs.map(({ key }) => key.name)).toEqual(['example.com/log'])
    expect(policy.witnesses.map(({ name }) => name)).toEqual(['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'])
    expect(formatQuorum(policy.quorum)).toBe('2 of (2 of (X1, X2, X3), 1 of (Y1, Y2, Y3))')
    expect(witnessesOf(policy.quorum)).toHaveLength(6)
  })

  it('counts groups within groups', () => {
    const { quorum } = parsePolicy(EXAMPLE)
    expect(quorumReached(quorum, keys(1, 3, 5))).toBe(true)
    expect(quorumReached(quorum, keys(1, 2, 3))).toBe(false)
    expect(quorumReached(quorum, keys(1, 4, 5, 6))).toBe(false)
    expect(quorumReached(quorum, keys(7, 8, 9))).toBe(false)
    expect(quorumReached(quorum, [])).toBe(false)
  })

  it('counts a key once, whatever it is called', () => {
    const { quorum } = parsePolicy(lines(`witness a ${witness(1)}`, `witness b ${witness(2)}`, 'group both all a b', 'quorum both'))
    expect(quorumReached(quorum, [keyOf('w1', 1), keyOf('other', 1), keyOf('w1', 1)])).toBe(false)
    expect(quorumReached(quorum, [keyOf('other', 1), keyOf('w2', 2)])).toBe(true)
  })

  it('may have a quorum of one, of nobody, urls, comments, tabs, and names in any script', () => {
    const policy = parsePolicy(lines('  # a comment', `\twitness \t zeuge-ä  ${witness(1)}   https://zeuge.example/w1\t`, ' ', `log ${log} https://log.example`, 'quorum zeuge-ä'))
    expect(policy).toMatchObject({ logs: [{ url: 'https://log.example' }], witnesses: [{ name: 'zeuge-ä', url: 'https://zeuge.example/w1' }], quorum: { kind: 'witness' } })
    expect(quorumReached(parsePolicy('quorum none\n').quorum, [])).toBe(true)
  })

  it('may use a name that looks like another, byte by byte', () => {
    expect(parsePolicy(lines(`witness K ${witness(1)}`, `witness \u212a ${witness(2)}`, 'quorum K')).witnesses).toHaveLength(2)
  })

  const wrong: ReadonlyArray<readonly [string, string | Uint8Array, number, RegExp]> = [
    ['an unknown word', 'wittness a b\n', 1, /none of log/],
    ['a word in capitals', lines('Quorum none'), 1, /none of log/],
    ['a log without a key', 'log\n', 1, /is defined by/],
    ['a log with too many items', `log ${log} url more\n`, 1, /is defined by/],
    ['a witness without a key', 'witness a\n', 1, /is defined by/],
    ['a broken key', 'witness a b+c\n', 1, /no verifier key/],
    ['a key whose id is wrong', `witness a ${witness(1).replace(/\+[0-9a-f]{8}\+/, '+00000000+')}\n`, 1, /its id should be/],
    ['a log key as a witness', `witness a ${log}\n`, 1, /of the type 0x04/],
    ['a witness key as a log', `log ${witness(1)}\n`, 1, /of the type 0x01/],
    ['a key twice', lines(`witness a ${witness(1)}`, `witness b ${witness(1)}`, 'quorum a'), 2, /already/],
    ['a key twice under two names of its own', lines(`witness a ${witness(1)}`, `witness b ${formatVkey(keyOf('other', 1))}`, 'quorum a'), 2, /already/],
    ['a log twice', lines(`log ${log}`, `log ${log}`, 'quorum none'), 2, /already/],
    ['a name twice', lines(`witness a ${witness(1)}`, `witness a ${witness(2)}`), 2, /defined already/],
    ['a group named as a witness', lines(`witness a ${witness(1)}`, 'group a any a'), 2, /defined already/],
    ['a witness called none', `witness none ${witness(1)}\n`, 1, /cannot be defined/],
    ['a group with none', 'group g any none\n', 1, /none cannot be a member/],
    ['a group of nobody', 'group g any\n', 1, /is defined by/],
    ['a group of more than there are', lines(`witness a ${witness(1)}`, 'group g 2 a'), 2, /from 1 to 1/],
    ['a group of zero', lines(`witness a ${witness(1)}`, 'group g 0 a'), 2, /from 1 to 1/],
    ['a group of 1.0', lines(`witness a ${witness(1)}`, 'group g 1.0 a'), 2, /from 1 to 1/],
    ['a group of 01', lines(`witness a ${witness(1)}`, 'group g 01 a'), 2, /from 1 to 1/],
    ['a member that comes later', lines('group g any a', `witness a ${witness(1)}`), 1, /of a line before/],
    ['a group in itself', 'group g any g\n', 1, /of a line before/],
    ['a member twice in a group', lines(`witness a ${witness(1)}`, 'group g 2 a a'), 2, /already/],
    ['a member in two groups', lines(`witness a ${witness(1)}`, 'group g any a', 'group h any a'), 3, /already/],
    ['no quorum', lines(`witness a ${witness(1)}`), 1, /without a quorum/],
    ['two quorums', lines('quorum none', 'quorum none'), 2, /already/],
    ['a quorum of what is not there', 'quorum a\n', 1, /of a line before/],
    ['a quorum of two', lines(`witness a ${witness(1)}`, 'quorum a a'), 2, /is defined by/],
    ['a comment behind an item', lines('quorum none # nobody'), 1, /is defined by/],
    ['a carriage return', 'quorum none\r\n', 1, /control character/],
    ['a zero byte', 'quorum none\0\n', 1, /control character/],
    ['a delete character', 'quorum\x7fnone\n', 1, /control character/],
    ['an end in the middle of a line', lines('# a') + 'quorum none', 2, /newline/],
    ['nothing', '', 0, /without a quorum/],
    ['too many bytes', Buffer.alloc(1_048_577, 10), NaN, /longer than/],
  ]
  it.each(wrong)('is refused for %s', (_, text, line, why) => {
    const error = refused(text)
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect((error as Error).message).toMatch(why)
    if (!Number.isNaN(line)) expect(error).toMatchObject({ data: { line } })
  })

  it('may define 1,024 witnesses, and no more', () => {
    // Names and keys of which only the number matters.
    const many = Array.from({ length: 1_025 }, (_, n) => formatVkey(noteSigner(`w${n}`, Buffer.alloc(32, String(n).padStart(4, '0')), SIGNATURE_TYPE.cosignature).key))
    const text = (count: number): string => lines(...many.slice(0, count).map((key, n) => `witness n${n} ${key}`), 'quorum n0')
    expect(parsePolicy(text(1_024)).witnesses).toHaveLength(1_024)
    expect(refused(text(1_025))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('is a policy or CONFIG_INVALID, whatever the bytes', () => {
    const word = fc.oneof(fc.constantFrom('log', 'witness', 'group', 'quorum', 'none', 'all', 'any', '1', '2', 'a', 'b', '#', '\t', witness(1), witness(2), log), fc.string())
    const text = fc.array(fc.array(word).map(words => words.join(' '))).map(all => all.join('\n') + '\n')
    fc.assert(fc.property(fc.oneof(text, fc.uint8Array()), bytes => {
      const result = refused(bytes)
      expect(result instanceof Error ? (result as { code?: string }).code : 'fine').toMatch(/^(CONFIG_INVALID|fine)$/)
    }))
  })

  it('never reaches a k of n with fewer, and always with as many', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }), fc.uniqueArray(fc.integer({ min: 1, max: 8 })), (n, k, voters) => {
      fc.pre(k <= n)
      const names = Array.from({ length: n }, (_, i) => `n${i + 1}`)
      const { quorum } = parsePolicy(lines(...names.map((name, i) => `witness ${name} ${witness(i + 1)}`), `group g ${k} ${names.join(' ')}`, 'quorum g'))
      expect(quorumReached(quorum, keys(...voters))).toBe(voters.filter(voter => voter <= n).length >= k)
    }))
  })
})
