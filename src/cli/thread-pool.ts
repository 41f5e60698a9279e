import type { Environment } from '../config/settings.ts'

/**
 * So many files can be made durable side by side. A file system commits its journal for all that wait for it at that moment: on ext4 sixteen threads sync small
 * files in a third of the time that libuv's four take, where a flush takes a millisecond or more.
 */
const THREADS = '16'

/** Gives libuv more threads, unless the caller has set how many. It looks once, when the first one is needed. */
export function widenThreadPool (env: { UV_THREADPOOL_SIZE?: string | undefined } & Environment): void {
  env.UV_THREADPOOL_SIZE ??= THREADS
}
