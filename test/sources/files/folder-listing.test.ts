import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FolderListing } from '../../../src/sources/files/folder-listing.ts'

type Folder = { readonly [name: string]: Folder | null }

/** All paths below a folder, as the walk makes them. */
function * walk (folder: Folder, prefix = ''): Generator<string> {
  const listing = new FolderListing(Object.keys(folder))
  for (let step; (step = listing.next()) !== undefined;) {
    const inside = folder[step.name]!
    if (step.act === 'inside') yield * walk(inside, `${prefix}${step.name}/`)
    else {
      if (inside !== null) listing.enter(step.name)
      yield prefix + step.name
    }
  }
}

function allPaths (folder: Folder, prefix = ''): string[] {
  return Object.entries(folder).flatMap(([name, inside]) => [prefix + name, ...(inside === null ? [] : allPaths(inside, `${prefix}${name}/`))])
}

/** Few letters on both sides of the slash, so that names often begin with one another; as byte strings. */
const name = fc.string({ unit: fc.constantFrom('a', '.', '-', '0', '\x01', '\xff'), minLength: 1, maxLength: 3 })
const folder = fc.letrec<{ folder: Folder, thing: Folder | null }>(tie => ({
  folder: fc.dictionary(name, tie('thing'), { maxKeys: 8, noNullPrototype: true }),
  thing: fc.oneof({ maxDepth: 5 }, fc.constant(null), tie('folder')),
})).folder

describe('listing of a folder', () => {
  it('walks every tree in ascending order of the full paths\' bytes', () => {
    fc.assert(fc.property(folder, tree => {
      const sorted = allPaths(tree).sort((one, other) => Buffer.compare(Buffer.from(one, 'latin1'), Buffer.from(other, 'latin1')))
      expect([...walk(tree)]).toEqual(sorted)
    }), { numRuns: 2000, seed: 4 })
  })

  it('puts what is inside a folder where the name with a slash belongs', () => {
    expect([...walk({ a: { b: null }, 'a.txt': null, 'a-': { x: null, '-': null }, 'a-b': null, a0: null })])
      .toEqual(['a', 'a-', 'a-/-', 'a-/x', 'a-b', 'a.txt', 'a/b', 'a0'])
  })
})
