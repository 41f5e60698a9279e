/** How many things come. */
export async function count (things: AsyncIterable<unknown>): Promise<number> {
  let sum = 0
  for await (const thing of things) {
    void thing
    sum++
  }
  return sum
}
