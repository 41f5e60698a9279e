import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeName, EntryNames, StorageNames } from '../../src/caf/entry-names.ts'
import { EntryPaths, foldPath } from '../../src/caf/entry-path.ts'

describe('encodeName', () => {
  it.each([
    ['people', 'people'],
    ['My Table', 'My%20Table'],
    ['a.b/c\\d"e\'f', 'a%2Eb%2Fc%5Cd%22e%27f'],
    ['grün', 'gr%C3%BCn'],
    ['..', '%2E%2E'],
  ])('makes %s %s', (name, encoded) => {
    expect(encodeName(name)).toBe(encoded)
  })

  it('keeps different names different, and short enough for every disk', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), fc.string({ unit: 'grapheme', maxLength: 200 }), (a, b) => {
      expect(encodeName(a) === encodeName(b)).toBe(a === b)
      expect(encodeName(a).length).toBeLessThanOrEqual(240)
      expect(encodeName(a)).toMatch(/^[A-Za-z0-9_%~-]*$/)
    }))
  })
})

describe('EntryNames', () => {
  it('numbers what would be one file on a disk that ignores case', () => {
    const names = new EntryNames()
    expect(['a', 'A', 'a', 'a~2', 'É', 'e\u0301'].map(name => names.unique(name, '.x'))).toEqual(['a.x', 'A~2.x', 'a~3.x', 'a~2~2.x', 'É.x', 'e\u0301~2.x'])
  })
})

describe('StorageNames', () => {
  const pathParts = fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }).filter(part => !part.includes('/') && part !== '.' && part !== '..' && part.isWellFormed()), { minLength: 1, maxLength: 3 })

  it('gives every tree names that are safe to unpack, and the same ones again', () => {
    fc.assert(fc.property(fc.array(pathParts, { maxLength: 30 }), paths => {
      // As rows come: no path twice, and what others are in is a folder.
      const all = [...new Set(paths.map(parts => parts.join('/')))].sort()
      const isFolder = (path: string): boolean => all.some(other => other.startsWith(`${path}/`))
      const nameAll = (names: StorageNames): string[] => all.map(path => isFolder(path) ? names.folder(path) : names.file(path))
      const names = nameAll(new StorageNames('storage'))
      const seen = new EntryPaths()
      for (const name of names) seen.add(name)
      expect(new Set(names.map(foldPath)).size).toBe(names.length)
      expect(nameAll(new StorageNames('storage'))).toEqual(names)
    }), { seed: 3 })
  })

  it('shortens parts that no disk takes', () => {
    const names = new StorageNames('storage')
    const name = names.file(`${'ü'.repeat(120)}%%%%`)
    expect(name).toMatch(/^storage\/ü{100}~[0-9a-f]{16}$/)
  })
})
