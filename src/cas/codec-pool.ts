import { availableParallelism } from 'node:os'
import { BackupError } from '../errors.ts'
import { CodecThread, isLarge } from './codec-thread.ts'
import type { CodecJob } from './codec-thread.ts'

/** Another thread is started when so many jobs wait for those there are: each takes some 20 MB. */
const CROWD = 3

export interface CodecPoolOptions {
  /** How many there are at most. @default 2, or 1 where there is one processor */
  readonly threads?: number | undefined
  /** The threads' program; another one only in tests. */
  readonly url?: URL | undefined
}

/**
 * Threads for the codec's work, one at first. Jobs are done in the order they come, by whichever thread has room, one large one at a time: so at most 6 MiB are
 * shared with two threads, and 32 MiB more while one of the largest blobs is at work. After a thread has ended by itself everything fails with that error.
 */
export class CodecPool {
  readonly #most: number
  readonly #url: URL
  readonly #threads: CodecThread[] = []
  #waiting: CodecJob[] = []
  #large: CodecJob | undefined
  #failure: BackupError | undefined

  constructor ({ threads = Math.min(2, availableParallelism()), url = workerUrl() }: CodecPoolOptions = {}) {
    this.#most = threads
    this.#url = url
    this.#start()
  }

  /** True once a thread runs: until then jobs would only wait. */
  get ready (): boolean {
    return this.#failure !== undefined || this.#threads.some(thread => thread.ready)
  }

  /** Has a job done. Its bytes must stay as they are until one of its callbacks was called. */
  add (job: CodecJob): void {
    if (this.#failure !== undefined) job.failed(this.#failure)
    else {
      this.#waiting.push(job)
      this.#hand()
      if (this.#waiting.length >= CROWD && this.#threads.length < this.#most && this.ready) this.#start()
    }
  }

  /** Ends the threads; jobs that are not done fail with `INVALID_OPTION`. Safe to call twice. */
  async close (): Promise<void> {
    await this.#end(new BackupError('INVALID_OPTION', 'the repository is closed'))
  }

  #start (): void {
    this.#threads.push(new CodecThread({ url: this.#url, onFree: () => { this.#hand() }, onEnd: error => { void this.#end(error) } }))
  }

  #hand (): void {
    for (;;) {
      const thread = this.#threads.reduce((one, other) => other.room > one.room ? other : one)
      const job = this.#waiting[0]
      if (job === undefined || thread.room === 0) return
      if (isLarge(job) && this.#large !== undefined) return
      this.#waiting.shift()
      thread.give(isLarge(job) ? this.#asOnly(job) : job)
    }
  }

  /** The job, which holds back other large ones until it is done. */
  #asOnly (job: CodecJob): CodecJob {
    const only: CodecJob = {
      ...job,
      done: (answer, memory) => {
        this.#large = undefined
        job.done(answer, memory)
      },
      failed: error => {
        this.#large = undefined
        job.failed(error)
      },
    }
    this.#large = only
    return only
  }

  async #end (error: BackupError): Promise<void> {
    this.#failure ??= error
    const waiting = this.#waiting
    this.#waiting = []
    for (const { failed } of waiting) failed(this.#failure)
    await Promise.all(this.#threads.map(async thread => { await thread.terminate(this.#failure!) }))
  }
}

function workerUrl (): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './codec-worker.ts' : './codec-worker.js', import.meta.url)
}
