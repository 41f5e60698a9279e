import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Dependent } from '../../src/dag/order.ts'
import { closureOf, topologicalOrder } from '../../src/dag/order.ts'
import { compareIds } from '../../src/dag/node-map.ts'
import { unicode } from '../chunking/unicode.ts'

const idsOf = (nodes: readonly Dependent[]): string[] => nodes.map(({ id }) => id)

/** Graphs without a cycle: each node depends on some before it. */
const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 40 }).map(lists =>
  lists.map((deps, i): Dependent => ({ id: `n${i}`, deps: i === 0 ? [] : deps.map(dep => `n${dep % i}`) })))

describe('topological order', () => {
  it('puts each node behind its deps, all of them once, the same from any beginning', () => fc.assert(fc.property(
    graph.chain(nodes => fc.tuple(fc.constant(nodes), fc.shuffledSubarray(nodes, { minLength: nodes.length }))), ([nodes, shuffled]) => {
      const ordered = idsOf(topologicalOrder(shuffled))
      expect(ordered.toSorted(compareIds)).toEqual(idsOf(nodes).sort(compareIds))
      const position = new Map(ordered.map((id, i) => [id, i]))
      for (const { id, deps } of nodes) for (const dep of deps) expect(position.get(dep)!).toBeLessThan(position.get(id)!)
      expect(idsOf(topologicalOrder(nodes))).toEqual(ordered)
    })))

  it('takes the ready nodes by id, or as it is told', () => {
    const nodes = [{ id: 'b', deps: [], size: 1 }, { id: 'a', deps: [], size: 2 }, { id: 'c', deps: ['b'], size: 9 }]
    expect(idsOf(topologicalOrder(nodes))).toEqual(['a', 'b', 'c'])
    expect(idsOf(topologicalOrder(nodes, { before: (x, y) => y.size - x.size }))).toEqual(['a', 'b', 'c'])
    expect(idsOf(topologicalOrder(nodes, { before: (x, y) => x.size - y.size }))).toEqual(['b', 'a', 'c'])
  })

  it('names the circle in which nodes depend on each other', () => {
    const nodes = [{ id: 'a', deps: ['x'] }, { id: 'x', deps: ['y', 'free'] }, { id: 'y', deps: ['z'] }, { id: 'z', deps: ['x'] }, { id: 'free', deps: [] }]
    expect(() => topologicalOrder(nodes)).toThrow(expect.objectContaining({ code: 'DAG_CYCLE', message: expect.stringContaining('x → y → z → x') as string, data: { cycle: ['x', 'y', 'z', 'x'] } }))
    expect(() => topologicalOrder([{ id: 'self', deps: ['self'] }])).toThrow(expect.objectContaining({ data: { cycle: ['self', 'self'] } }))
  })

  it('finds a circle in any graph that has one', () => fc.assert(fc.property(graph, fc.nat(), fc.nat(), (nodes, a, b) => {
    if (nodes.length < 2) return
    const [low, high] = [a % nodes.length, b % nodes.length].sort((x, y) => x - y)
    const chained = nodes.map((node, i) => i === 0 ? node : { ...node, deps: [...node.deps, `n${i - 1}`] })
    const bent = chained.with(low!, { ...chained[low!]!, deps: [...chained[low!]!.deps, `n${high}`] })
    const cycle = ((): string[] => {
      try {
        topologicalOrder(bent)
      } catch (error) {
        return (error as { data: { cycle: string[] } }).data.cycle
      }
      return []
    })()
    expect(cycle.length).toBeGreaterThan(1)
    expect(cycle.at(-1)).toBe(cycle[0])
    for (let i = 0; i + 1 < cycle.length; i++) expect(bent.find(({ id }) => id === cycle[i])!.deps).toContain(cycle[i + 1])
  })))

  it('refuses a dep that is not there, and an id that is there twice', () => {
    expect(() => topologicalOrder([{ id: 'a', deps: ['b'] }])).toThrow(expect.objectContaining({ code: 'DEP_MISSING', data: { id: 'a', dep: 'b' } }))
    expect(() => topologicalOrder([{ id: 'a', deps: [] }, { id: 'a', deps: [] }])).toThrow(expect.objectContaining({ code: 'NODE_DUPLICATE' }))
  })

  it('orders a chain and a fan of 100,000 nodes, and finds a circle in them', () => {
    const chain = Array.from({ length: 100_000 }, (_, i): Dependent => ({ id: `n${i}`, deps: i === 0 ? [] : [`n${i - 1}`] }))
    expect(topologicalOrder(chain.toReversed())[99_999]!.id).toBe('n99999')
    const fan = [{ id: 'root', deps: [] }, ...Array.from({ length: 100_000 }, (_, i) => ({ id: `n${i}`, deps: ['root'] }))]
    expect(topologicalOrder(fan)[0]!.id).toBe('root')
    expect(() => topologicalOrder(chain.with(0, { id: 'n0', deps: ['n99999'] }))).toThrow(expect.objectContaining({ code: 'DAG_CYCLE' }))
  })
})

describe('order of ids', () => {
  it('is that of their UTF-8 bytes', () => fc.assert(fc.property(unicode, unicode, (a, b) => {
    expect(Math.sign(compareIds(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))))
    expect(compareIds(a, a)).toBe(0)
  })))

  it('has what needs surrogates last', () => {
    expect(['\u{1f600}', '\uffff', 'a', 'ab', '\ue000', '\ud7ff'].sort(compareIds)).toEqual(['a', 'ab', '\ud7ff', '\ue000', '\uffff', '\u{1f600}'])
  })
})

describe('closure', () => {
  it('is the named nodes and all that they need', () => fc.assert(fc.property(graph, fc.array(fc.nat(), { maxLength: 3 }), (nodes, picks) => {
    if (nodes.length === 0) return
    const wanted = new Set(picks.map(pick => nodes[pick % nodes.length]!.id))
    const needed = new Set(wanted)
    for (const { id, deps } of nodes.toReversed()) if (needed.has(id)) for (const dep of deps) needed.add(dep)
    expect(idsOf(closureOf(wanted, nodes))).toEqual(idsOf(nodes).filter(id => needed.has(id)))
  })))

  it('refuses what is not there', () => {
    expect(() => closureOf(['b'], [{ id: 'a', deps: [] }])).toThrow(expect.objectContaining({ code: 'NODE_MISSING' }))
    expect(() => closureOf(['a'], [{ id: 'a', deps: ['b'] }])).toThrow(expect.objectContaining({ code: 'DEP_MISSING' }))
  })
})
