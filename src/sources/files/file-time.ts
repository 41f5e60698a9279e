/** Node sets times as floating-point seconds, which carry microseconds and no more: finer ones could never be brought back. */
export function wholeMicroseconds (ns: bigint): bigint {
  return ns - ((ns % 1000n) + 1000n) % 1000n
}

/** A time as Node takes it, in the middle of its microsecond: the rounding of floating point then keeps that microsecond. */
export function timeText (ns: bigint): string {
  const middle = wholeMicroseconds(ns) + 500n
  const digits = (middle < 0n ? -middle : middle).toString().padStart(10, '0')
  return `${middle < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`
}
