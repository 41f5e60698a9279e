import { describe, expect, it } from 'vitest'
import { formatBytes } from '../../src/cli/byte-size.ts'
import { errorDocument, errorText } from '../../src/cli/error-text.ts'
import { counted, printable, printableDate, printableDuration } from '../../src/cli/printable.ts'
import { lineOf } from '../../src/cli/progress-display.ts'
import { textTable } from '../../src/cli/text-table.ts'
import { BackupError } from '../../src/errors.ts'

describe('text for people', () => {
  it.each([[0, '0 B'], [1, '1 B'], [999, '999 B'], [1000, '1.0 KiB'], [1023, '1.0 KiB'], [1536, '1.5 KiB'], [102_400, '100 KiB'], [1_048_575, '1.0 MiB'], [5 * 2 ** 30, '5.0 GiB'], [2 ** 60, '1024 PiB']])('writes %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })

  it.each([[5, '5 ms'], [1500, '1.5 s'], [90_500, '1 min 30 s']])('writes %d milliseconds as %s', (milliseconds, text) => {
    expect(printableDuration(milliseconds)).toBe(text)
  })

  it('writes dates in UTC to the second, and counts with their noun', () => {
    expect(printableDate('2026-11-21T08:06:12.345+02:00')).toBe('2026-11-21T06:06:12Z')
    expect([counted(1, 'row'), counted(0, 'row'), counted(12_345, 'row')]).toEqual(['1 row', '0 rows', '12,345 rows'])
  })

  it('lets no control character through', () => {
    expect(printable('a\u001b[31mb\nc\u202ed')).toBe('a\\u001b[31mb⏎c\\u202ed')
  })

  it('sets tables without borders in plain columns, without blanks at the ends', () => {
    const columns = [{ title: 'name', cell: (row: string) => row }, { title: 'length', align: 'right' as const, cell: (row: string) => String(row.length) }, { title: '', cell: () => '' }]
    expect(textTable(columns, ['a', 'bcd\u001b'], { borders: false, heading: text => text })).toBe('name       length\na               1\nbcd\\u001b       4')
    expect(textTable(columns.slice(0, 2), ['a', 'b'], { borders: true, heading: text => text })).toBe('name │ length\n─────┼───────\na    │      1\nb    │      1')
  })

  it('shows progress on one line of the terminal', () => {
    expect(lineOf({ step: 'capture', item: 'files/tree', done: 2048, unit: 'bytes' })).toBe('capture  2.0 KiB  files/tree')
    expect(lineOf({ step: 'restore', done: 1, total: 4, unit: 'items' })).toBe('restore  ██████░░░░░░░░░░░░░░░░░░   25%  1 of 4')
    expect(lineOf({ step: 'capture', item: 'x'.repeat(200), done: 1, unit: 'bytes' }, 40)).toHaveLength(39)
  })
})

describe('errors', () => {
  const error = new BackupError('SOURCE_FAILED', 'no answer\nat all', { data: { host: 'h' }, cause: new Error('outer', { cause: new TypeError('inner') }) })

  it('are one sentence and a code, and their causes only when asked for', () => {
    expect(errorText(error, { verbose: false })).toBe('caf: no answer\n  at all [SOURCE_FAILED]')
    expect(errorText(error, { verbose: true })).toBe('caf: no answer\n  at all [SOURCE_FAILED]\n  cause: Error: outer\n  cause: TypeError: inner')
  })

  it('that nobody foresaw show where with --verbose', () => {
    expect(errorText(new TypeError('x'), { verbose: false })).toBe('caf: x\n  this should not happen; --verbose shows where')
    expect(errorText(new TypeError('x'), { verbose: true })).toContain('text.test.ts')
  })

  it('survive a circle of causes, and things thrown that are no errors', () => {
    const circle = new Error('a')
    circle.cause = circle
    expect(errorText(circle, { verbose: true })).toContain('caf: a')
    expect(errorText('thrown text', { verbose: false })).toContain('caf: thrown text')
  })

  it('have a form for programs', () => {
    expect(errorDocument(error)).toEqual({ error: { code: 'SOURCE_FAILED', message: 'no answer\nat all', data: { host: 'h' } } })
  })
})
