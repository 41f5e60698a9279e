/**
 * `length` rounded up as Padmé does: at most 12 % more, and so few different sizes that one says little about what is inside.
 * (https://lbarman.ch/blog/padme/)
 */
export function padmeSize (length: number): number {
  if (length < 2) return length
  const exponent = bits(length) - 1
  const unit = 2 ** (exponent - bits(exponent)) // floor(log2(exponent)) + 1 is the number of its bits
  return unit <= 1 ? length : Math.ceil(length / unit) * unit
}

/** Binary digits of a whole number; exact, where a logarithm is not. */
function bits (value: number): number {
  return value.toString(2).length
}
