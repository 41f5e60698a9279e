/**
 * Runs `work` on up to `concurrency` items at once and yields the results in the items' order. When anything fails or the
 * consumer leaves, no new work is begun, what runs is waited for, and the source is closed.
 */
export async function * mapInOrder<T, R> (
  source: AsyncIterable<T> | Iterable<T>, concurrency: number, work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const running: Promise<R>[] = []
  try {
    for await (const item of source) {
      const result = work(item)
      result.catch(() => undefined) // it is awaited below, perhaps only after another failure
      running.push(result)
      if (running.length >= concurrency) yield await running.shift()!
    }
    while (running.length > 0) yield await running.shift()!
  } finally {
    await Promise.allSettled(running)
  }
}
