import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { planRetention } from '../../src/engine/retention.ts'

const now = new Date('2026-11-21T12:00:00Z')
const daysAgo = (days: number) => ({ id: `d${days}`, timestamp: new Date(now.getTime() - days * 86_400_000) })
const ids = (list: ReadonlyArray<{ snapshot: { id: string } }>) => list.map(entry => entry.snapshot.id)

describe('retention', () => {
  it('keeps everything when there is no rule', () => {
    expect(ids(planRetention([0, 1, 400].map(daysAgo), {}, { now }).forget)).toEqual([])
  })

  it('keeps at most maxSnapshots, the newest, and forgets what is older than ttlDays', () => {
    expect(ids(planRetention([0, 1, 2, 3].map(daysAgo), { maxSnapshots: 2 }, { now }).forget)).toEqual(['d2', 'd3'])
    expect(ids(planRetention([0, 1, 31].map(daysAgo), { ttlDays: 30 }, { now }).forget)).toEqual(['d31'])
  })

  it('never forgets the newest snapshot, however old it is', () => {
    expect(ids(planRetention([500, 600].map(daysAgo), { ttlDays: 30 }, { now }).keep)).toEqual(['d500'])
    expect(ids(planRetention([500, 600].map(daysAgo), { maxSnapshots: 0, keepLast: 0 }, { now }).keep)).toEqual(['d500'])
  })

  it('keeps the newest of each day, week and month that has one', () => {
    const snapshots = [0, 0.1, 1, 2, 9, 16, 40, 80].map(daysAgo)
    expect(ids(planRetention(snapshots, { keepDaily: 2 }, { now }).keep)).toEqual(['d0', 'd1'])
    expect(ids(planRetention(snapshots, { keepWeekly: 2 }, { now }).keep)).toEqual(['d0', 'd9'])
    expect(ids(planRetention(snapshots, { keepMonthly: 3 }, { now }).keep)).toEqual(['d0', 'd40', 'd80'])
  })

  it('refuses numbers that are negative or not whole', () => {
    expect(() => planRetention([], { ttlDays: -1 }, { now })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => planRetention([], { keepDaily: 1.5 }, { now })).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  it('splits any set of snapshots in two and keeps one at least', () => {
    fc.assert(fc.property(fc.uniqueArray(fc.nat(1000), { minLength: 1 }), fc.record({ maxSnapshots: fc.nat(5), ttlDays: fc.nat(50) }, { requiredKeys: [] }), (days, rules) => {
      const plan = planRetention(days.map(daysAgo), rules, { now })
      expect([...ids(plan.keep), ...ids(plan.forget)].sort()).toEqual(days.map(day => `d${day}`).sort())
      expect(plan.keep.length).toBeGreaterThan(0)
    }))
  })
})
