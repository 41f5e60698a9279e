import { Socket } from 'node:net'

/** Read at once, at most. */
const READ_BYTES = 65_536

/** Takes bytes that are valid while it runs; false when no more are wanted until `resume`. */
export type Receive = (piece: Uint8Array) => boolean

/**
 * A socket that reads into the same memory again and again. `data` events get copies; a receiver that takes their place for a time
 * sees the memory itself, so that a long answer allocates nothing.
 */
export class ReadSocket extends Socket {
  #receive: Receive | undefined

  constructor () {
    const own: { receive: Receive | undefined } = { receive: undefined }
    super({ onread: { buffer: Buffer.allocUnsafeSlow(READ_BYTES), callback: (length, buffer) => own.receive?.(buffer.subarray(0, length)) ?? true } })
    own.receive = piece => this.#receive === undefined ? this.push(Buffer.from(piece)) : this.#receive(piece)
  }

  /** Has `receive` get what comes from now on; undefined: listeners of `data` again. */
  divert (receive: Receive | undefined): void {
    this.#receive = receive
  }
}
