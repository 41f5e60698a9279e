import { hash } from 'node:crypto'
import type { Address } from './blob-store.ts'

/** Length of an address in its binary form. */
export const ADDRESS_BYTES = 32

const TEXT = /^[0-9a-f]{64}$/

/** The address of `bytes`: their SHA-256 in hex. */
export function addressOf (bytes: Uint8Array): Address {
  return hash('sha256', bytes, 'hex')
}

export function isAddress (text: string): text is Address {
  return TEXT.test(text)
}

/** The 32 bytes of an address. */
export function addressToBytes (address: Address): Buffer {
  return Buffer.from(address, 'hex')
}

export function addressFromBytes (bytes: Uint8Array): Address {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
