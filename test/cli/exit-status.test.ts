import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EXIT, STATUS_OF_CODE, exitStatusOf } from '../../src/cli/exit-status.ts'
import { BackupError } from '../../src/errors.ts'

const root = new URL('../../', import.meta.url)
const codes = [...readFileSync(new URL('src/errors.ts', root), 'utf8').split('export interface')[0]!.matchAll(/'([A-Z_]+)'/g)].map(([, code]) => code!)

describe('exit status', () => {
  it('is given for every code, and for no other', () => {
    expect(codes.length).toBeGreaterThan(50)
    expect(Object.keys(STATUS_OF_CODE).sort()).toEqual(codes.sort())
  })

  it('is never success', () => {
    expect(Object.values(STATUS_OF_CODE)).not.toContain(EXIT.ok)
  })

  it('is a plain failure for an error that nobody foresaw', () => {
    expect(exitStatusOf(new TypeError('x'))).toBe(1)
    expect(exitStatusOf(new BackupError('BLOB_CORRUPT', 'x'))).toBe(3)
  })

  it('stands in docs/cli.md for every code', () => {
    const rows = readFileSync(new URL('docs/cli.md', root), 'utf8').split('\n').filter(line => /^\| \d+ \|/.test(line))
    const documented = Object.fromEntries(rows.flatMap(row => [...row.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => [code!, Number(row.split('|')[1])])))
    expect(documented).toEqual(STATUS_OF_CODE)
    expect(rows.map(row => Number(row.split('|')[1]))).toEqual(Object.values(EXIT))
  })
})
