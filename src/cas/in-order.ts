export interface InOrderOptions<T> {
  /** How much of `concurrency` an item takes. @default 1 */
  readonly weigh?: (item: T) => number
}

/**
 * Runs `work` on up to `concurrency` items at once and yields the results in the items' order. When anything fails or the
 * consumer leaves, no new work is begun, what runs is waited for, and the source is closed.
 */
export async function * mapInOrder<T, R> (
  source: AsyncIterable<T> | Iterable<T>, concurrency: number, work: (item: T) => Promise<R>, { weigh = () => 1 }: InOrderOptions<T> = {},
): AsyncGenerator<R> {
  const running: { readonly result: Promise<R>, readonly weight: number }[] = []
  let sum = 0
  const next = async (): Promise<R> => {
    const { result, weight } = running.shift()!
    sum -= weight
    return await result
  }
  try {
    for await (const item of source) {
      const [result, weight] = [work(item), weigh(item)]
      result.catch(() => undefined) // it is awaited below, perhaps only after another failure
      running.push({ result, weight })
      for (sum += weight; sum >= concurrency;) yield await next()
    }
    while (running.length > 0) yield await next()
  } finally {
    await Promise.allSettled(running.map(({ result }) => result))
  }
}
