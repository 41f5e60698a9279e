/** Ids by their UTF-8 bytes: the order of node maps and of `deps`. */
export function compareIds (a: string, b: string): number {
  const common = Math.min(a.length, b.length)
  for (let i = 0; i < common; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** UTF-16 has surrogates, which stand for the highest code points, below U+E000; UTF-8 has these last. */
function rank (unit: number): number {
  return unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
