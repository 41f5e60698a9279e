import type { Address } from './blob-store.ts'
import type { ByteReader } from './byte-reader.ts'
import type { Copy } from './copy.ts'

/** Stored bytes that are read and handed to a thread at once: a message for each blob would cost as much as what is done with it. */
const RUN_BYTES = 256 * 1024

/** Blobs that stand one behind the other in a pack. */
export interface PackRun {
  readonly blobs: readonly RunBlob[]
  /** Gives the memory back for a later run. */
  readonly release: () => void
}

export interface RunBlob {
  readonly address: Address
  readonly copy: Copy
  /** Fewer than there should be where the pack ends before. */
  readonly stored: Uint8Array
}

/** Reads the blobs of a pack in runs, whose memory is used again and again. */
export class RunReader {
  readonly #free: Uint8Array[] = []

  /** `onBytes` gets everything that was read, in order. */
  async * read (reader: ByteReader, copies: Iterable<readonly [Address, Copy]>, onBytes: (bytes: Uint8Array) => void): AsyncGenerator<PackRun> {
    for (const run of runsOf(copies)) {
      const length = run.reduce((sum, [, { stored }]) => sum + stored, 0)
      const memory = length > RUN_BYTES ? new Uint8Array(length) : this.#free.pop() ?? new Uint8Array(RUN_BYTES)
      const bytes = memory.subarray(0, await reader.takeInto(memory.subarray(0, length)))
      onBytes(bytes)
      let at = 0
      const blobs = run.map(([address, copy]) => ({ address, copy, stored: bytes.subarray(at, at += copy.stored) }))
      yield { blobs, release: () => { if (memory.length === RUN_BYTES) this.#free.push(memory) } }
    }
  }
}

/** As many as fit, one at least. */
function * runsOf (copies: Iterable<readonly [Address, Copy]>): Generator<(readonly [Address, Copy])[]> {
  let run: (readonly [Address, Copy])[] = []
  let length = 0
  for (const blob of copies) {
    const { stored } = blob[1]
    if (run.length > 0 && length + stored > RUN_BYTES) {
      yield run
      run = []
      length = 0
    }
    run.push(blob)
    length += stored
  }
  if (run.length > 0) yield run
}
