/** Ids by their UTF-8 bytes: the order of node maps and of `deps`. */
export function compareIds (a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
