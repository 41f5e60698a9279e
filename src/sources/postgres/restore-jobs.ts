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

/** Which jobs wait and run. */
class JobBoard {
  /** job → how many of those before it are not done */
  readonly #missing: ReadonlyMap<Job, { count: number, readonly place: number }>
  readonly #followers: ReadonlyMap<Job, readonly Job[]>
  /** Those that wait for nothing but what they need for themselves, in their order. */
  #ready: readonly Job[]
  readonly #taken = new Set<string>()
  #waiting: number
  #running = 0
  #changed = Promise.withResolvers<undefined>()

  constructor (jobs: readonly Job[]) {
    const followers = new Map<Job, Job[]>(jobs.map(job => [job, []]))
    this.#missing = new Map(jobs.map((job, place) => [job, { count: new Set(job.after).size, place }]))
    for (const job of jobs) for (const before of new Set(job.after)) followers.get(before)?.push(job)
    this.#followers = followers
    this.#ready = jobs.filter(({ after }) => after.length === 0)
    this.#waiting = jobs.length
  }

  /** The first job that may begin; `later` when it takes the end of another one, `none` when no job waits. */
  next (): Job | 'later' | 'none' {
    if (this.#waiting === 0) return 'none'
    const job = this.#ready.find(({ alone }) => !alone.some(name => this.#taken.has(name)))
    if (job === undefined && this.#running === 0) throw new Error('jobs of a restore wait for each other')
    return job ?? 'later'
  }

  async doing (job: Job, act: (job: Job) => Promise<void>): Promise<void> {
    this.#ready = this.#ready.filter(one => one !== job)
    for (const name of job.alone) this.#taken.add(name)
    this.#waiting--
    this.#running++
    try {
      await act(job)
      this.#free(job)
    } finally {
      this.#running--
      for (const name of job.alone) this.#taken.delete(name)
      this.#changed.resolve(undefined)
      this.#changed = Promise.withResolvers()
    }
  }

  /** Resolves when a job has ended. */
  async change (): Promise<void> {
    await this.#changed.promise
  }

  #free (job: Job): void {
    const freed = this.#followers.get(job)!.filter(follower => --this.#missing.get(follower)!.count === 0)
    if (freed.length > 0) this.#ready = [...this.#ready, ...freed].sort((a, b) => this.#missing.get(a)!.place - this.#missing.get(b)!.place)
  }
}
