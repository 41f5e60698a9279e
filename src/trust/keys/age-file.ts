import { Decrypter, Encrypter } from 'age-encryption'
import { MAX_WORK_FACTOR, WORK_FACTOR, workLimit } from '../../age/work-limit.ts'
import { BackupError, isBackupError } from '../../errors.ts'
import { collect } from '../../stream.ts'

export interface UnwrapSecretOptions {
  /** log2 of the largest N of scrypt that is tried; its memory is 1 KiB times that. @default 20 */
  readonly maxWorkFactor?: number
}

/** An age file that `age -d` opens with `secret` as passphrase. For small payloads: all of it is in memory. */
export async function wrapWithSecret (payload: Uint8Array, secret: string): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  encrypter.setPassphrase(secret)
  encrypter.setScryptWorkFactor(WORK_FACTOR)
  return await encrypter.encrypt(payload)
}

/** An age file that the identity of any of the `recipients` opens. For small payloads. @throws {BackupError} `INVALID_OPTION` */
export async function wrapForRecipients (payload: Uint8Array, recipients: readonly string[]): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  for (const recipient of recipients) addRecipient(encrypter, recipient)
  return await encrypter.encrypt(payload)
}

/**
 * What a passphrase file holds, or undefined if it has another passphrase or none.
 * @throws {BackupError} `SEAL_BROKEN` when it is damaged, or asks for more work than allowed: that is refused before it is done
 */
export async function unwrapWithSecret (file: Uint8Array, secret: string, { maxWorkFactor = MAX_WORK_FACTOR }: UnwrapSecretOptions = {}): Promise<Uint8Array | undefined> {
  const decrypter = new Decrypter()
  decrypter.addIdentity(workLimit(maxWorkFactor, () => tooMuchWork(maxWorkFactor)))
  decrypter.addPassphrase(secret)
  return await unwrap(file, decrypter)
}

/**
 * What a file holds for any of the `identities` (`AGE-SECRET-KEY-…`), or undefined if it is for none of them.
 * @throws {BackupError} `SEAL_BROKEN` when it is damaged; `INVALID_OPTION` for what is no identity
 */
export async function unwrapWithIdentities (file: Uint8Array, identities: readonly string[]): Promise<Uint8Array | undefined> {
  const decrypter = new Decrypter()
  for (const identity of identities) addIdentity(decrypter, identity)
  return await unwrap(file, decrypter)
}

async function unwrap (file: Uint8Array, decrypter: Decrypter): Promise<Uint8Array | undefined> {
  let unmatched = false
  // Identities are asked in their order: the last one is asked only if no other could open it.
  decrypter.addIdentity({ unwrapFileKey: () => { unmatched = true; return null } })
  try {
    // As a stream: else the library makes a `Response` of it, for which Node loads the whole of `fetch`.
    return new Uint8Array(await collect(await decrypter.decrypt(ReadableStream.from([file])), { limit: file.length }))
  } catch (error) {
    if (unmatched) return undefined
    if (isBackupError(error)) throw error
    throw new BackupError('SEAL_BROKEN', 'an age file is damaged', { cause: error })
  }
}

function tooMuchWork (maxWorkFactor: number): BackupError {
  return new BackupError('SEAL_BROKEN', `an age file asks for a scrypt work factor over ${maxWorkFactor}, which nobody needs: it is damaged or hostile`, { data: { maxWorkFactor } })
}

// What the library says of a wrong text quotes it: it must become no message and no cause.

function addRecipient (encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch {
    throw new BackupError('INVALID_OPTION', 'that is no age recipient: one begins with age1, and `age-keygen -y` prints that of an identity')
  }
}

function addIdentity (decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(identity)
  } catch {
    throw new BackupError('INVALID_OPTION', 'that is no age identity: one begins with AGE-SECRET-KEY-1, as `age-keygen` makes them')
  }
}
