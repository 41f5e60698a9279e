import type pg from 'pg'
import type { AbortOptions } from '../../stream.ts'

/** A piece of a restore's work, done on one connection. */
export interface Job {
  /** Are done before it begins; they stand before it among the jobs. */
  readonly after: readonly Job[]
  /** What it needs for itself: jobs that name the same do not run at the same time. */
  readonly alone: readonly string[]
  run(client: pg.Client, options: AbortOptions): Promise<void>
}

/**
 * Does all jobs, as many at once as there are connections, each on one of them; of those that may begin it takes the first. After
 * the first failure no further one begins, and it rejects with that failure when those running have ended.
 */
export async function runJobs (clients: readonly pg.Client[], jobs: readonly Job[], { signal }: AbortOptions = {}): Promise<void> {
  const board = new JobBoard(jobs)
  const failing = new AbortController()
  const any = AbortSignal.any([failing.signal, ...(signal === undefined ? [] : [signal])])
  const fail = (error: unknown): never => {
    failing.abort(error)
    throw error
  }
  const work = async (client: pg.Client): Promise<void> => {
    for (let next = board.next(); next !== 'none'; next = board.next()) {
      any.throwIfAborted()
      if (next === 'later') await board.change()
      else await board.doing(next, async job => { await job.run(client, { signal: any }).catch(fail) })
    }
  }
  await Promise.allSettled(clients.map(async client => { await work(client).catch(fail) }))
  any.throwIfAborted()
}

/** Which jobs wait, run and are done. */
class JobBoard {
  readonly #waiting: Set<Job>
  readonly #done = new Set<Job>()
  readonly #taken = new Set<string>()
  #running = 0
  #changed = Promise.withResolvers<undefined>()

  constructor (jobs: readonly Job[]) {
    this.#waiting = new Set(jobs)
  }

  /** The first job that may begin; `later` when it takes the end of another one, `none` when no job waits. */
  next (): Job | 'later' | 'none' {
    if (this.#waiting.size === 0) return 'none'
    for (const job of this.#waiting) if (this.#mayBegin(job)) return job
    if (this.#running === 0) throw new Error('jobs of a restore wait for each other')
    return 'later'
  }

  async doing (job: Job, act: (job: Job) => Promise<void>): Promise<void> {
    this.#waiting.delete(job)
    for (const name of job.alone) this.#taken.add(name)
    this.#running++
    try {
      await act(job)
      this.#done.add(job)
    } finally {
      this.#running--
      for (const name of job.alone) this.#taken.delete(name)
      this.#changed.resolve(undefined)
      this.#changed = Promise.withResolvers<undefined>()
    }
  }

  /** Resolves when a job has ended. */
  async change (): Promise<void> {
    await this.#changed.promise
  }

  #mayBegin ({ after, alone }: Job): boolean {
    return after.every(job => this.#done.has(job)) && !alone.some(name => this.#taken.has(name))
  }
}
