import PQueue from 'p-queue'
import type { AbortOptions } from '../stream.ts'

export interface BoundedOptions extends AbortOptions {
  /** How many calls run at the same time; as many again may wait. */
  readonly concurrency: number
}

/**
 * Calls `act` for each item, up to `concurrency` at once, taking items only as fast as they are worked off.
 * The first failure stops the taking, waits for what runs and is thrown.
 */
export async function forEachBounded<T> (items: AsyncIterable<T> | Iterable<T>, { concurrency, signal }: BoundedOptions, act: (item: T) => Promise<void>): Promise<void> {
  const queue = new PQueue({ concurrency })
  let failure: { readonly error: unknown } | undefined
  try {
    for await (const item of items) {
      signal?.throwIfAborted()
      if (failure !== undefined) break
      void queue.add(async () => { if (failure === undefined) await act(item) }).catch((error: unknown) => { failure ??= { error } })
      await queue.onSizeLessThan(concurrency)
    }
  } finally {
    await queue.onIdle()
  }
  if (failure !== undefined) throw failure.error
  signal?.throwIfAborted()
}
