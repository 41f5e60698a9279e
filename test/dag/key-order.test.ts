import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeValue } from '../../src/chunking/copy-text.ts'
import { commonKey, decodeKey, encodeKey, keyOrder, spanOf } from '../../src/dag/key-order.ts'
import { unicode } from '../chunking/unicode.ts'
import type { KeyColumn } from '../../src/sources/source.ts'

const compare = (key: readonly KeyColumn[], a: string, b: string): number => Math.sign(keyOrder(key)(spanOf(Buffer.from(a)), spanOf(Buffer.from(b))))

/** Each in the order in which PostgreSQL sorts them. */
const ASCENDING: readonly [KeyColumn, readonly string[]][] = [
  [{ order: 'integer' }, ['-9223372036854775808', '-100', '-99', '-10', '-9', '-1', '0', '1', '9', '10', '99', '100', '9223372036854775807', '18446744073709551616']],
  [{ order: 'numeric' }, ['-Infinity', '-1000000000000000000000000000000.5', '-10', '-9.99', '-9.9', '-0.01', '-0.001', '0', '0.0000001', '0.1', '0.11', '0.2', '1', '1.5', '9', '10', '123456789012345678901234567890.1', '123456789012345678901234567890.2', 'Infinity', 'NaN']],
  [{ order: 'float' }, ['-Infinity', '-1.7976931348623157e+308', '-1e+20', '-2', '-1.5', '-5e-324', '0', '5e-324', '1e-07', '0.1', '0.10000001', '1', '1e+20', '3.4028235e+38', 'Infinity', 'NaN']],
  [{ order: 'bytes' }, ['', 'A', 'B', 'a', 'a\tb', 'a\nb', 'a!b', 'a\\', 'ab', 'b', 'é', '日', '😀']],
  [{ order: 'boolean' }, ['f', 't']],
  [{ order: 'date' }, ['-infinity', '4713-01-01 BC', '0044-03-14 BC', '0044-03-15 BC', '0001-12-31 BC', '0001-01-01', '0999-12-31', '2026-02-28', '2026-03-01', '9999-12-31', '10000-01-01', '5874897-12-31', 'infinity']],
  [{ order: 'timestamp' }, ['-infinity', '4714-11-24 00:00:00+00 BC', '0044-03-15 11:59:59.999999+00 BC', '0044-03-15 12:00:00+00 BC', '0001-12-31 23:59:59+00 BC', '0001-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00.1+00', '2026-01-01 00:00:00.12+00', '2026-01-01 00:00:00.2+00', '2026-01-01 00:00:01+00', '9999-12-31 23:59:59.999999+00', '10000-01-01 00:00:00+00', '294276-12-31 23:59:59.999999+00', 'infinity']],
  [{ order: 'timestamp' }, ['0044-03-15 12:00:00 BC', '0044-03-15 12:00:00.5 BC', '2026-01-01 00:00:00', '2026-01-01 00:00:00.000001', '2026-01-01 00:00:00.5']],
  [{ order: 'enum', labels: ['new', 'Zero', 'a\\b', 'done'] }, ['new', 'Zero', 'a\\b', 'done']],
]

describe('order of keys', () => {
  it.each(ASCENDING)('is that of PostgreSQL for %o', (column, values) => {
    values.forEach((a, i) => values.forEach((b, j) => {
      expect(compare([column], escapeValue(a), escapeValue(b)), `${a} and ${b}`).toBe(Math.sign(i - j))
    }))
  })

  it('takes equal numbers that are written differently as equal', () => {
    for (const [a, b] of [['1.5', '1.50'], ['0', '-0'], ['0.0', '0'], ['10', '10.000']]) expect(compare([{ order: 'numeric' }], a!, b!)).toBe(0)
    expect(compare([{ order: 'float' }], '-0', '0')).toBe(0)
    expect(compare([{ order: 'float' }], 'NaN', 'NaN')).toBe(0)
  })

  it('compares integers of any size as numbers', () => fc.assert(fc.property(fc.bigInt(), fc.bigInt(), (a, b) => {
    expect(compare([{ order: 'integer' }], String(a), String(b))).toBe(a < b ? -1 : a > b ? 1 : 0)
  })))

  it('compares decimals as numbers', () => {
    const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(12)).map(([digits, scale]) => ({ digits, scale }))
    const text = ({ digits, scale }: { digits: bigint, scale: number }): string => {
      const padded = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0')
      const [whole, part] = [padded.slice(0, padded.length - scale), padded.slice(padded.length - scale)]
      return `${digits < 0n ? '-' : ''}${whole}${part === '' ? '' : `.${part}`}`
    }
    fc.assert(fc.property(decimal, decimal, (a, b) => {
      const [left, right] = [a.digits * 10n ** BigInt(b.scale), b.digits * 10n ** BigInt(a.scale)]
      expect(compare([{ order: 'numeric' }], text(a), text(b))).toBe(left < right ? -1 : left > right ? 1 : 0)
    }))
  })

  it('compares texts as their bytes, however they are escaped', () => fc.assert(fc.property(unicode, unicode, (a, b) => {
    expect(compare([{ order: 'bytes' }], escapeValue(a), escapeValue(b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))))
  })))

  it('goes from column to column, and ignores those behind the key', () => {
    const key: KeyColumn[] = [{ order: 'bytes' }, { order: 'integer' }]
    expect(compare(key, 'a\t9', 'a\t10')).toBe(-1)
    expect(compare(key, 'b\t1', 'a\t10')).toBe(1)
    expect(compare(key, 'a\t1', 'a\t1')).toBe(0)
    expect(compare(key, 'ab\t1', 'a\t2')).toBe(1)
    expect(compare(key.slice(0, 1), 'a\t9', 'a\t10')).toBe(0)
  })

  it('names a label that an enum has not', () => {
    expect(() => compare([{ order: 'enum', labels: ['a'] }], 'a', 'b')).toThrow(expect.objectContaining({ code: 'NODE_INVALID', data: { label: 'b' } }))
  })

  it('gives the values of a key back', () => fc.assert(fc.property(fc.array(unicode, { minLength: 1 }), values => {
    expect(decodeKey(encodeKey(values))).toEqual(values)
  })))

  it('knows by what key two versions compare', () => {
    const labelled = (...labels: string[]): KeyColumn[] => [{ order: 'integer' }, { order: 'enum', labels }]
    expect(commonKey(labelled('a', 'c'), labelled('a', 'b', 'c'))).toEqual(labelled('a', 'b', 'c'))
    expect(commonKey(labelled('a', 'b', 'c'), labelled('a', 'c'))).toEqual(labelled('a', 'b', 'c'))
    expect(commonKey(labelled('a', 'c'), labelled('c', 'b', 'a'))).toBeUndefined()
    expect(commonKey(labelled('a', 'old'), labelled('a', 'new'))).toBeUndefined()
    expect(commonKey([{ order: 'integer' }], [{ order: 'bytes' }])).toBeUndefined()
    expect(commonKey([{ order: 'integer' }], [])).toBeUndefined()
    expect(commonKey([], [])).toEqual([])
  })
})
