import { hash } from 'node:crypto'
import type { Address, BlobWriter, PutBlobResult } from '../../src/cas/blob-store.ts'

/** Blobs in a map. */
export class MemoryBlobs implements BlobWriter {
  readonly blobs = new Map<Address, Uint8Array>()
  flushed = false

  async put (bytes: Uint8Array): Promise<PutBlobResult> {
    const address = hash('sha256', bytes, 'hex')
    const stored = this.blobs.has(address) ? 'present' : 'new'
    this.blobs.set(address, Uint8Array.from(bytes))
    return { address, stored, storedBytes: stored === 'new' ? bytes.length : 0 }
  }

  reuse (address: Address): boolean {
    return this.blobs.has(address)
  }

  async get (address: Address): Promise<Uint8Array | undefined> {
    const bytes = this.blobs.get(address)
    return bytes && Uint8Array.from(bytes) // the caller's own
  }

  async has (address: Address): Promise<boolean> {
    return this.blobs.has(address)
  }

  async flush (): Promise<void> {
    this.flushed = true
  }

  /** Every address, ascending. */
  get addresses (): Address[] {
    return [...this.blobs.keys()].sort()
  }
}
