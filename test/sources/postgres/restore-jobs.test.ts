import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import type pg from 'pg'
import { describe, expect, it } from 'vitest'
import { runJobs } from '../../../src/sources/postgres/restore-jobs.ts'
import type { Job } from '../../../src/sources/postgres/restore-jobs.ts'

/** Connections are only handed on. */
const clients = (count: number): pg.Client[] => Array.from({ length: count }, () => ({}) as pg.Client)
const job = (run: Job['run'], rest: Partial<Job> = {}): Job => ({ after: [], alone: [], run, ...rest })
const idle = async (): Promise<void> => undefined

interface Drawn {
  readonly after: readonly number[]
  readonly alone: readonly string[]
  readonly turns: number
}
const drawn = fc.array(fc.record({ after: fc.array(fc.nat(), { maxLength: 3 }), alone: fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { maxLength: 2 }), turns: fc.nat(4) }), { maxLength: 25 })

describe('the jobs of a restore', () => {
  it('are each done once, behind those before them, alone where they have to be, on connections of their own', () => fc.assert(fc.asyncProperty(drawn, fc.integer({ min: 1, max: 4 }), async (plan: readonly Drawn[], width) => {
    const done = new Set<Job>()
    const taken = new Set<string>()
    const busy = new Set<pg.Client>()
    const jobs: Job[] = []
    for (const { after, alone, turns } of plan) {
      const before = jobs.length === 0 ? [] : after.map(at => jobs[at % jobs.length]!)
      const self: Job = job(async client => {
        expect(before.every(one => done.has(one))).toBe(true)
        expect(busy).not.toContain(client)
        for (const name of alone) expect(taken).not.toContain(name)
        busy.add(client)
        for (const name of alone) taken.add(name)
        for (let turn = 0; turn < turns; turn++) await setImmediate()
        for (const name of alone) taken.delete(name)
        busy.delete(client)
        expect(done).not.toContain(self)
        done.add(self)
      }, { after: before, alone })
      jobs.push(self)
    }
    await runJobs(clients(width), jobs)
    expect(done.size).toBe(plan.length)
  })))

  it('begin in their order as far as they may, as many as there are connections', async () => {
    const begun: string[] = []
    const ends = Promise.withResolvers<undefined>()
    const waiting = (name: string, rest: Partial<Job> = {}): Job => job(async () => { begun.push(name); await ends.promise }, rest)
    const first = waiting('first', { alone: ['t'] })
    const running = runJobs(clients(3), [first, waiting('second', { alone: ['t'] }), waiting('third', { after: [first] }), waiting('fourth'), waiting('fifth'), waiting('sixth')])
    await setImmediate()
    expect(begun).toEqual(['first', 'fourth', 'fifth'])
    ends.resolve(undefined)
    await running
    expect(begun).toEqual(['first', 'fourth', 'fifth', 'second', 'third', 'sixth'])
  })

  it('stop beginning when one fails, and those that run are told and waited for', async () => {
    const [failure, ends] = [new Error('of the test'), Promise.withResolvers<undefined>()]
    const acts: string[] = []
    const running = runJobs(clients(2), [
      job(async (_, { signal }) => {
        await ends.promise
        acts.push(signal?.aborted === true ? 'told' : 'not told')
      }),
      job(async () => { throw failure }), job(async () => { acts.push('began all the same') }),
    ])
    const ended = expect(running).rejects.toBe(failure)
    await setImmediate()
    ends.resolve(undefined)
    await ended
    expect(acts).toEqual(['told'])
  })

  it('end at a signal, with its reason', async () => {
    const [controller, reason] = [new AbortController(), new Error('of the test')]
    const begun: number[] = []
    const jobs = [0, 1, 2].map(number => job(async () => { begun.push(number); controller.abort(reason) }))
    await expect(runJobs(clients(1), jobs, { signal: controller.signal })).rejects.toBe(reason)
    expect(begun).toEqual([0])
    await expect(runJobs(clients(1), jobs, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(begun).toEqual([0])
  })

  it('that can never begin are an error instead of a standstill', async () => {
    await expect(runJobs(clients(2), [job(idle, { after: [job(idle)] })])).rejects.toThrow('wait for each other')
  })
})
