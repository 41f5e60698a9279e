/*
 * PostgreSQL's messages (protocol 3): type, 1 byte; length, u32 big endian, counts itself and what follows. The first message of a
 * client has no type. Only borders are looked at here, as the bytes pass.
 */

/** What a length counts at least: itself. */
const LENGTH_BYTES = 4

/** What a client sends: knows when it has said something that the server must answer. */
export class FrontendFrames {
  #pending = Buffer.alloc(0)
  #started = false

  /** True when `bytes` end a message and one of those that they ended asks for an answer; queries may come in several pieces. */
  push (bytes: Uint8Array): boolean {
    this.#pending = Buffer.concat([this.#pending, bytes])
    let asks = false
    for (;;) {
      const typeBytes = this.#started ? 1 : 0
      if (this.#pending.length < typeBytes + 4) break
      const length = typeBytes + Math.max(this.#pending.readInt32BE(typeBytes), LENGTH_BYTES)
      if (this.#pending.length < length) break
      asks ||= !this.#started || 'QSp'.includes(this.#pending.toString('latin1', 0, 1))
      this.#started = true
      this.#pending = this.#pending.subarray(length)
    }
    return asks && this.#pending.length === 0
  }
}

const READY_FOR_QUERY = 'Z'.charCodeAt(0)
const COPY_IN_RESPONSE = 'G'.charCodeAt(0)
const AUTHENTICATION = 'R'.charCodeAt(0)
/** Authentication messages after which the server goes on by itself. */
const AUTHENTICATION_OK = 0
const SASL_FINAL = 12

/** What a server sends: knows when it waits for the client again. */
export class BackendFrames {
  /** The first bytes of the message that passes: its header, and the kind of an authentication request. */
  readonly #head = Buffer.alloc(9)
  #headLength = 0
  /** Bytes of the message that are still to come; known once the header is there. */
  #left: number | undefined
  #isBroken = false

  /** True when a message that ends in `bytes` hands the turn to the client; always once the bytes are no messages, for the client to say so. */
  push (bytes: Uint8Array): boolean {
    let at = 0
    let turn = false
    while (at < bytes.length) {
      if (this.#left === undefined) {
        at += this.#readHeader(bytes, at)
      } else {
        at += this.#pass(bytes, at)
      }
      if (this.#left !== 0) continue
      turn ||= this.#handsOver()
      this.#headLength = 0
      this.#left = undefined
    }
    return turn || this.#isBroken
  }

  #readHeader (bytes: Uint8Array, at: number): number {
    const taken = bytes.subarray(at, at + 5 - this.#headLength)
    this.#head.set(taken, this.#headLength)
    this.#headLength += taken.length
    if (this.#headLength === 5) {
      const length = this.#head.readInt32BE(1)
      this.#isBroken ||= length < LENGTH_BYTES
      this.#left = Math.max(length - LENGTH_BYTES, 0)
    }
    return taken.length
  }

  #pass (bytes: Uint8Array, at: number): number {
    const taken = bytes.subarray(at, at + (this.#left ?? 0))
    const kept = taken.subarray(0, this.#head.length - this.#headLength)
    this.#head.set(kept, this.#headLength)
    this.#headLength += kept.length
    this.#left = (this.#left ?? 0) - taken.length
    return taken.length
  }

  #handsOver (): boolean {
    const type = this.#head[0]
    if (type !== AUTHENTICATION) return type === READY_FOR_QUERY || type === COPY_IN_RESPONSE
    const request = this.#head.readInt32BE(5)
    return request !== AUTHENTICATION_OK && request !== SASL_FINAL
  }
}

const SASL = 10
const SCRAM_ONLY = Buffer.from('R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0', 'latin1')

/**
 * A server offers channel binding when it thinks that the connection is encrypted. A client for whom somebody else does the
 * encryption must not see the offer: it would take it for an attack. `bytes` are what came at once.
 */
export function withoutChannelBinding (bytes: Buffer): Buffer {
  const offers = bytes.length > 9 && bytes[0] === AUTHENTICATION && bytes.readInt32BE(5) === SASL && bytes.includes('SCRAM-SHA-256-PLUS')
  return offers ? SCRAM_ONLY : bytes
}
