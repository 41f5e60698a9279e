import { Worker } from 'node:worker_threads'
import { BackupError } from '../errors.ts'
import type { CodecAnswer, CodecRequest, CodecTask, CodecThreadData } from './codec-message.ts'
import { copyShared } from './shared-bytes.ts'

/** Jobs that a thread has at once: one that it works on, and the next ones, so that it need not wait for the main thread. */
const SLOTS = 3
/** A chunk of rows and its base, or of a stream, as large as they usually get. Pages that were never touched take no memory. */
const SLOT_BYTES = 1024 * 1024

/** Work for a thread. */
export interface CodecJob {
  readonly parts: readonly Uint8Array[]
  readonly task: CodecTask
  /** Takes the answer; `memory` is the slot's, only until this returns. */
  readonly done: (answer: CodecAnswer, memory: Uint8Array) => void
  readonly failed: (error: unknown) => void
}

export interface CodecThreadOptions {
  /** Where the thread's program is. */
  readonly url: URL
  /** Called whenever a slot became free, and when the thread is ready. */
  readonly onFree: () => void
  /** Called once, if the thread ends by itself. */
  readonly onEnd: (error: BackupError) => void
}

/** One thread and the memory it shares with this one. The process ends without waiting for it, unless it has work. */
export class CodecThread {
  readonly #slots = Array.from({ length: SLOTS }, () => new SharedArrayBuffer(SLOT_BYTES))
  readonly #views = this.#slots.map(memory => Buffer.from(memory))
  readonly #free = this.#slots.keys().toArray()
  readonly #jobs = new Map<number, { readonly job: CodecJob, readonly memory: Buffer }>()
  readonly #worker: Worker
  readonly #onFree: () => void
  #ready = false
  #terminated = false

  constructor ({ url, onFree, onEnd }: CodecThreadOptions) {
    this.#onFree = onFree
    const workerData: CodecThreadData = { slots: this.#slots }
    // What this process was started with may be no use to a thread, which makes next to no garbage on its heap.
    this.#worker = new Worker(url, { workerData, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 2 } })
    this.#worker.unref()
    this.#worker.on('message', (answer: CodecAnswer) => { this.#take(answer) })
    const end = (cause: unknown): void => {
      if (!this.#terminated) onEnd(new BackupError('THREAD_FAILED', 'a thread that compresses and decompresses ended by itself', { cause }))
    }
    this.#worker.once('error', end)
    this.#worker.once('exit', status => { end(new Error(`exit status ${status}`)) })
  }

  /** True once it runs. */
  get ready (): boolean {
    return this.#ready
  }

  /** How many more jobs it takes now. */
  get room (): number {
    return this.#ready ? this.#free.length : 0
  }

  /** Copies the job's bytes and hands them over. Only while there is room. */
  give (job: CodecJob): void {
    const { parts, task } = job
    const slot = this.#free.pop()!
    const size = bytesOf(job)
    const memory = size <= SLOT_BYTES ? this.#views[slot]! : Buffer.from(new SharedArrayBuffer(size))
    let at = 0
    for (const part of parts) {
      copyShared(part, memory, at)
      at += part.length
    }
    if (this.#jobs.size === 0) this.#worker.ref()
    this.#jobs.set(slot, { job, memory })
    const request = { ...task, slot, lengths: parts.map(({ length }) => length) }
    this.#worker.postMessage((size <= SLOT_BYTES ? request : { ...request, memory: memory.buffer }) satisfies CodecRequest)
  }

  /** Ends the thread; what it was working on fails with `error`. Safe to call twice. */
  async terminate (error: BackupError): Promise<void> {
    this.#terminated = true
    this.#ready = false
    const jobs = [...this.#jobs.values()]
    this.#jobs.clear()
    for (const { job } of jobs) job.failed(error)
    await this.#worker.terminate()
  }

  #take (answer: CodecAnswer): void {
    if (this.#terminated) return
    if (answer.type === 'ready') this.#start()
    else this.#finish(answer)
    this.#onFree()
  }

  #start (): void {
    this.#ready = true
    this.#worker.unref() // again: starting undoes it
  }

  #finish (answer: Exclude<CodecAnswer, { readonly type: 'ready' }>): void {
    const { job, memory } = this.#jobs.get(answer.slot)!
    this.#jobs.delete(answer.slot)
    if (this.#jobs.size === 0) this.#worker.unref()
    if (answer.type === 'failed') job.failed(answer.error)
    else job.done(answer, memory)
    this.#free.push(answer.slot)
  }
}

/** True for a job whose memory is made for it alone. */
export function isLarge (job: CodecJob): boolean {
  return bytesOf(job) > SLOT_BYTES
}

/** Room for what is given and for what comes of it. */
function bytesOf ({ parts, task }: CodecJob): number {
  return Math.max(parts.reduce((sum, { length }) => sum + length, 0), task.task === 'decode' ? task.forms[0]!.plain : 0)
}
