import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { BackupError, isBackupError } from '../src/errors.ts'

const declared = [...readFileSync('src/errors.ts', 'utf8').matchAll(/'([A-Z]+_?[A-Z_]*)'/g)].map(([, code]) => code)

it('documents every code, and no other', () => {
  const documented = [...readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code)
  expect([...documented].sort()).toEqual([...new Set(declared)].sort())
})

it('keeps code, data and cause', () => {
  const cause = new Error('disk')
  const error = new BackupError('STORAGE_IO', 'cannot write', { data: { key: 'x' }, cause })
  expect(error).toMatchObject({ code: 'STORAGE_IO', data: { key: 'x' }, cause })
  expect(isBackupError(error, 'STORAGE_IO')).toBe(true)
  expect(isBackupError(error, 'STORAGE_FULL')).toBe(false)
  expect(isBackupError(cause)).toBe(false)
})
