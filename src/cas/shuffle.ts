/** The whole numbers below `count` in random order. (48 bits for each choice: the bias is beyond notice for any pack.) */
export function shuffledOrder (count: number, random: (length: number) => Uint8Array): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  const numbers = Buffer.from(random(6 * count))
  for (let i = count - 1; i > 0; i--) {
    const j = numbers.readUIntBE(6 * i, 6) % (i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}
