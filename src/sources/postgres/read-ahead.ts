import type { Bytes } from '../../stream.ts'

/**
 * What a stream gives, taken as it comes and before it is asked for, until more than so many bytes lie here: whoever sends it is done early. A consumer that stops does
 * not wait for the stream, which its owner then closes.
 */
export function readAhead (source: Bytes, mostBytes: number): Bytes {
  const ahead = new PiecesAhead(mostBytes)
  void ahead.take(source)
  return ahead.give()
}

class PiecesAhead {
  readonly #mostBytes: number
  readonly #pieces: Uint8Array[] = []
  #bytes = 0
  #end: { readonly error?: unknown } | undefined
  #isWanted = true
  #changed: PromiseWithResolvers<unknown> = Promise.withResolvers()

  constructor (mostBytes: number) {
    this.#mostBytes = mostBytes
  }

  async take (source: Bytes): Promise<void> {
    try {
      for await (const piece of source) {
        this.#pieces.push(Buffer.from(piece)) // the source uses its memory again
        this.#bytes += piece.length
        this.#tell()
        while (this.#bytes > this.#mostBytes && this.#isWanted) await this.#changed.promise
        if (!this.#isWanted) return
      }
      this.#end = {}
    } catch (error) {
      this.#end = { error }
    } finally {
      this.#tell()
    }
  }

  async * give (): Bytes {
    try {
      for (;;) {
        const piece = this.#pieces.shift()
        if (piece !== undefined) {
          this.#bytes -= piece.length
          this.#tell()
          yield piece
        } else if (this.#end === undefined) await this.#changed.promise
        else if ('error' in this.#end) throw this.#end.error
        else return
      }
    } finally {
      this.#isWanted = false
      this.#tell()
    }
  }

  #tell (): void {
    this.#changed.resolve(undefined)
    this.#changed = Promise.withResolvers()
  }
}
