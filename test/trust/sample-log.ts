import { memoryBackend } from '../../src/storage/memory-backend.ts'
import { Log } from '../../src/trust/log/log.ts'
import type { SignedCheckpoint } from '../../src/trust/log/checkpoint.ts'
import { signCheckpoint } from '../../src/trust/log/checkpoint.ts'
import type { TreeHead } from '../../src/trust/log/merkle.ts'
import { noteSigner, SIGNATURE_TYPE } from '../../src/trust/log/note-key.ts'
import type { NoteSigner } from '../../src/trust/log/note-key.ts'
import { formatNote } from '../../src/trust/log/signed-note.ts'
import { formatWitnessRequest } from '../../src/trust/witness/witness-request.ts'

export const TIME = '2026-01-01T00:00:00.000Z'
export const ORIGIN = `caf/${'ab'.repeat(16)}`
export const LOG_SIGNER = noteSigner(ORIGIN, Buffer.alloc(32, 1))

export function witnessSigner (name: string, seed: number): NoteSigner {
  return noteSigner(name, Buffer.alloc(32, seed), SIGNATURE_TYPE.cosignature)
}

/** A log in memory of leaves that only differ. `variant` makes another one with the same key. */
export class SampleLog {
  readonly log: Log
  readonly checkpoints: SignedCheckpoint[] = []

  constructor (variant = 0, signer = LOG_SIGNER) {
    let made = 0
    this.log = new Log(memoryBackend(), { key: signer.key, signer, random: length => Buffer.alloc(length, `${variant}/${made++}`) })
  }

  /** Adds leaves until there are `size`. */
  async grow (size: number): Promise<void> {
    while (this.checkpoints.length < size) {
      const { checkpoint } = await this.log.append({ kind: 'forgotten', snapshot: String(this.checkpoints.length).padStart(32, '0') }, { time: TIME, traceId: '' })
      this.checkpoints.push(checkpoint!)
    }
  }

  note (size: number): string {
    return formatNote(this.checkpoints[size - 1]!.note)
  }

  /** A request that goes from one size to another, all of it right. */
  async request (from: number, to: number): Promise<Uint8Array> {
    return Buffer.from(formatWitnessRequest({ oldSize: from, proof: await this.log.consistency(from, to), checkpoint: this.note(to) }))
  }
}

/** A request with a checkpoint that says what it likes. */
export function requestFor (head: TreeHead, { oldSize = 0, proof = [], signer = LOG_SIGNER }: { readonly oldSize?: number, readonly proof?: readonly Uint8Array[], readonly signer?: NoteSigner } = {}): Uint8Array {
  return Buffer.from(formatWitnessRequest({ oldSize, proof, checkpoint: signCheckpoint(head, signer) }))
}
