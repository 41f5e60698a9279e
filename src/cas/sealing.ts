import { createHash, randomBytes } from 'node:crypto'
import { BackupError } from '../errors.ts'

/** Length of a sealing key. */
export const SEALING_KEY_BYTES = 32

/** A key that objects are sealed with. */
export interface SealingKey {
  /** 32 hex digits; see {@link keyIdOf}. */
  readonly id: string
  /** 32 bytes. */
  readonly bytes: Uint8Array
}

/** The keys of a sealed repository, as far as this process has them. */
export interface Sealing {
  /** What new objects are sealed with; `wrap` goes into each header when others learn the key only from there. */
  readonly current: SealingKey & { readonly wrap?: Uint8Array }
  /**
   * The key of that id, opened from `wrap` where a header has one; undefined when it cannot be had.
   * Called once for each object that is read: remember what was found. Rejects only when something fails, not for lack of a key.
   */
  find(id: string, wrap?: Uint8Array): Promise<SealingKey | undefined>
  /** Copies of the key files, for the headers of packs. */
  readonly slots: readonly Uint8Array[]
}

/** The id of a sealing key: the first half of SHA-256("caf/key-id/1" ‖ key), in hex. */
export function keyIdOf (bytes: Uint8Array): string {
  return createHash('sha256').update('caf/key-id/1').update(bytes).digest('hex').slice(0, 32)
}

/** The key that `bytes` are. @throws {BackupError} `INVALID_OPTION` unless there are 32 of them */
export function sealingKeyOf (bytes: Uint8Array): SealingKey {
  if (bytes.length !== SEALING_KEY_BYTES) {
    throw new BackupError('INVALID_OPTION', `a sealing key has ${SEALING_KEY_BYTES} bytes, not ${bytes.length}`, { data: { length: bytes.length } })
  }
  return { id: keyIdOf(bytes), bytes: Buffer.from(bytes) }
}

/** A new random key. */
export function newSealingKey (): SealingKey {
  return sealingKeyOf(randomBytes(SEALING_KEY_BYTES))
}
