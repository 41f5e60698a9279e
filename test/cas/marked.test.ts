import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Address } from '../../src/cas/blob-store.ts'
import { Marked } from '../../src/cas/marked.ts'
import type { Root } from '../../src/cas/roots.ts'

const address = (n: number): Address => String(n + 1).padStart(16, '0').padEnd(64, 'a')

/** Snapshots of some of ten blobs each, which never change. The pack `other` holds every third blob. */
interface World {
  readonly snapshots: ReadonlyArray<{ readonly id: string, readonly forgotten: boolean }>
  readonly packs: readonly string[]
}

const blobsOf = (id: string): number[] => Array.from({ length: 10 }, (_, n) => n).filter(n => (Number(id) * 7 + n * 3) % 5 < 2)
const world = fc.record<World>({
  snapshots: fc.uniqueArray(fc.record({ id: fc.nat(3).map(String), forgotten: fc.boolean() }), { selector: one => one.id }),
  packs: fc.constantFrom(['one'], ['one', 'other']),
})

/** What a mark finds, which asks for nothing that `marked` has; undefined when it fails. */
function mark (marked: Marked, { snapshots, packs }: World): { readonly found: Address[], readonly asked: number } | undefined {
  const roots = snapshots.map(one => ({ ...one } as Root)).sort((a, b) => Number(a.forgotten) - Number(b.forgotten))
  const live = new Map(packs.map(name => [name, {}]))
  let asked = 0
  marked.begin(roots, live)
  for (const { id, forgotten } of roots) {
    if (marked.hasBlock(id)) continue
    marked.noteBlock(id)
    for (const n of blobsOf(id)) {
      asked++
      const isMissing = n % 3 === 0 && !packs.includes('other')
      if (isMissing && !forgotten) return undefined
      if (!isMissing) marked.add(address(n))
    }
  }
  marked.end(roots, live)
  return { found: Array.from({ length: 10 }, (_, n) => address(n)).filter(one => marked.has(one)), asked }
}

describe('what was marked', () => {
  it('is the same whether a mark goes on from earlier ones or begins anew', () => fc.assert(fc.property(fc.array(world, { maxLength: 4 }), worlds => {
    const marked = new Marked()
    for (const now of worlds) expect(mark(marked, now)?.found).toEqual(mark(new Marked(), now)?.found)
  })))

  const before: World = { snapshots: [{ id: '1', forgotten: false }], packs: ['one', 'other'] }
  const second = { id: '2', forgotten: false }

  it.each<[string, World, number]>([
    ['is not walked again for the same snapshots', before, 0],
    ['is not walked again when a snapshot came', { ...before, snapshots: [...before.snapshots, second] }, blobsOf('2').length],
    ['is walked again when a snapshot went', { ...before, snapshots: [second] }, blobsOf('2').length],
    ['is walked again when a pack went', { snapshots: [{ id: '1', forgotten: true }], packs: ['one'] }, blobsOf('1').length],
  ])('%s', (_, now, asked) => {
    const marked = new Marked()
    mark(marked, before)
    expect(mark(marked, now)).toEqual({ found: mark(new Marked(), now)?.found, asked })
  })

  it('does not count when the mark did not come to its end', () => {
    const marked = new Marked()
    marked.begin([], new Map())
    marked.add(address(1))
    marked.begin([], new Map())
    expect(marked.has(address(1))).toBe(false)
  })
})
