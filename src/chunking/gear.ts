import { createHash } from 'node:crypto'

/** The 256 numbers of the byte rule: the first 4 bytes, big endian, of SHA-256("caf-gear" ‖ byte(i)), as signed 32 bits. */
export const GEAR: Int32Array = Int32Array.from({ length: 256 }, (_, i) =>
  createHash('sha256').update('caf-gear').update(Uint8Array.of(i)).digest().readInt32BE(0))
