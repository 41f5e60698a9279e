import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeValue, keyEnd, readText, readValue, splitRow, unescapeValue } from '../../src/chunking/copy-text.ts'
import { unicode } from './unicode.ts'

describe('COPY text', () => {
  it('gives a value back as it was', () => fc.assert(fc.property(fc.option(unicode), plain => {
    const text = escapeValue(plain)
    expect(text).not.toMatch(/[\t\n\r]/)
    expect(readValue(Buffer.from(text))).toBe(plain)
  })))

  it('reads a value that is text as it reads its bytes, whatever it holds', () => fc.assert(fc.property(fc.oneof(unicode, fc.string({ unit: fc.constantFrom('\\', 'n', 'N', 't', 'x', '\u{1f600}') })), text => {
    expect(readText(text)).toBe(readValue(Buffer.from(text)))
  })))

  it('splits a row into its values, with or without its newline', () => fc.assert(fc.property(fc.array(fc.option(unicode), { minLength: 1 }), values => {
    const row = values.map(escapeValue).join('\t')
    const read = (text: string): (string | null)[] => splitRow(Buffer.from(text)).map(readValue)
    expect(read(`${row}\n`)).toEqual(values)
    expect(read(row)).toEqual(values)
  })))

  it('knows the escapes of COPY', () => {
    expect(Buffer.from(unescapeValue(Buffer.from('a\\tb\\nc\\rd\\be\\ff\\vg\\\\h\\xi'))).toString()).toBe('a\tb\nc\rd\be\ff\vg\\hxi')
  })

  it('finds where a key ends', () => {
    const rows = Buffer.from('1\ta\tx\n22\tbb\n')
    expect([1, 2, 3].map(columns => keyEnd(rows, 0, 6, columns))).toEqual([1, 3, 5])
    expect(keyEnd(rows, 6, rows.length, 2)).toBe(11)
    expect(() => keyEnd(rows, 6, rows.length, 3)).toThrow(expect.objectContaining({ code: 'SOURCE_FAILED' }))
  })
})
