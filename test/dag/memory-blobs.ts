import { hash } from 'node:crypto'
import type { Address, BlobWriter, KnownBlob, PutBlobOptions, PutBlobResult } from '../../src/cas/blob-store.ts'

/** Blobs in memory, with an account of what was put and got. */
export class MemoryBlobs implements BlobWriter {
  readonly blobs = new Map<Address, Uint8Array>()
  readonly puts: { readonly address: Address, readonly base: Address | undefined, readonly copied: number, readonly stored: PutBlobResult['stored'] }[] = []
  readonly gets: Address[] = []
  readonly reused: Address[] = []

  async put (bytes: Uint8Array, { base }: PutBlobOptions = {}): Promise<PutBlobResult> {
    const address = hash('sha256', bytes, 'hex')
    const copied = typeof base === 'object' ? checkCopies(bytes, base) : 0
    const stored = this.blobs.has(address) ? 'present' : 'new'
    this.blobs.set(address, Uint8Array.from(bytes))
    this.puts.push({ address, base: typeof base === 'object' ? base.address : base, copied, stored })
    return { address, stored, storedBytes: stored === 'new' ? bytes.length : 0 }
  }

  reuse (address: Address): boolean {
    const isThere = this.blobs.has(address)
    if (isThere) this.reused.push(address)
    return isThere
  }

  async get (address: Address): Promise<Uint8Array | undefined> {
    this.gets.push(address)
    return this.blobs.get(address)?.slice() // the caller's own, who may give its memory back
  }

  async has (address: Address): Promise<boolean> {
    return this.blobs.has(address)
  }

  async flush (): Promise<void> {
    // all of it is in memory
  }

  /** Forgets the account, not the blobs. */
  settle (): void {
    this.puts.length = 0
    this.gets.length = 0
    this.reused.length = 0
  }
}

/** How many bytes are said to stand in the base too. Throws when they do not, or not in order. */
function checkCopies (blob: Uint8Array, { bytes, copies = [] }: KnownBlob): number {
  let [end, endFrom, copied] = [0, 0, 0]
  for (const { at, from, length } of copies) {
    const isSame = Buffer.compare(blob.subarray(at, at + length), bytes.subarray(from, from + length)) === 0
    if (at < end || from < endFrom || length === 0 || !isSame) throw new Error('a chunk did not take over what it is said to')
    end = at + length
    endFrom = from + length
    copied += length
  }
  return copied
}
