import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { MAX_WORK_FACTOR, WORK_FACTOR, workLimit } from '../age/work-limit.ts'
import { BackupError } from '../errors.ts'

/** Who can open an archive. */
export interface ArchiveEncryption {
  /** The passphrase of the archive's identity. Refusing a weak one is the caller's affair; `exportArchive` does. */
  readonly secret: string
  /** Whose keys open the archive as well: `age1…`. @default none */
  readonly recipients?: readonly string[] | undefined
}

/** What opens an archive. The identity is used when both are given. */
export interface ArchiveKey {
  /** The secret it was made with, or how to come by it, which is asked only for an archive that is encrypted. */
  readonly secret?: string | (() => Promise<string>) | undefined
  /** An identity of one of its recipients, `AGE-SECRET-KEY-1…`, or a text with some, one a line, as in files of `age-keygen`. */
  readonly identity?: string | undefined
}

/** So many fit into a header that is read back. */
const MOST_RECIPIENTS = 100

/** The keys of a new archive. */
export interface NewArchiveKeys {
  /** An age file that the secret opens; it holds the identity. */
  readonly identityFile: Uint8Array
  /** That identity's, and the further ones: `age1…`. */
  readonly recipients: readonly string[]
}

/** Makes an identity for one archive. @throws {BackupError} `INVALID_OPTION` for what is no recipient */
export async function createArchiveKeys ({ secret, recipients = [] }: ArchiveEncryption): Promise<NewArchiveKeys> {
  const identity = await generateX25519Identity()
  if (recipients.length > MOST_RECIPIENTS) throw new BackupError('INVALID_OPTION', `an archive has at most ${MOST_RECIPIENTS} recipients, and these are ${recipients.length}`)
  for (const [index, recipient] of recipients.entries()) checkRecipient(recipient, index + 1)
  const wrapper = new Encrypter()
  wrapper.setPassphrase(secret)
  wrapper.setScryptWorkFactor(WORK_FACTOR)
  return { identityFile: await wrapper.encrypt(`${identity}\n`), recipients: [await identityToRecipient(identity), ...recipients] }
}

/** Opens files that are encrypted to one of the identities in `text`; `noMatch` is what to throw for others. @throws {BackupError} `INVALID_OPTION` for what is no identity */
export function identityDecrypter (text: string, noMatch: () => BackupError): Decrypter {
  const decrypter = new Decrypter()
  const identities = text.split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  try {
    if (identities.length === 0) throw new Error('there is none')
    for (const identity of identities) decrypter.addIdentity(identity)
  } catch {
    // Not as a cause: it quotes the identity.
    throw new BackupError('INVALID_OPTION', 'that is no identity of age: it must be a line AGE-SECRET-KEY-1…')
  }
  return withNoMatch(decrypter, noMatch)
}

/** Opens files that are encrypted by a passphrase; `noMatch` is what to throw for those of another one. */
export function secretDecrypter (secret: string, noMatch: () => BackupError): Decrypter {
  const decrypter = new Decrypter()
  decrypter.addIdentity(workLimit(MAX_WORK_FACTOR, tooMuchWork))
  decrypter.addPassphrase(secret)
  return withNoMatch(decrypter, noMatch)
}

/** The decrypter asks its identities one after another until one has a key. */
function withNoMatch (decrypter: Decrypter, noMatch: () => BackupError): Decrypter {
  decrypter.addIdentity({ unwrapFileKey: () => { throw noMatch() } })
  return decrypter
}

function tooMuchWork (): BackupError {
  return new BackupError('ARCHIVE_UNSAFE', `the archive’s identity asks for more memory than scrypt with log N ${MAX_WORK_FACTOR} takes`, { data: { highest: MAX_WORK_FACTOR } })
}

function checkRecipient (recipient: string, position: number): void {
  // Who can break X25519 reads the archive by its own identity: a recipient that outlasts it would promise too much, and the age program does not mix them either.
  const outlasts = /^age1(?:tag)?pq1/.test(recipient)
  try {
    if (!outlasts) return new Encrypter().addRecipient(recipient)
  } catch {
    // Not as a cause: somebody may have given the key in place of its recipient.
  }
  const why = outlasts ? 'a post-quantum one, which cannot stand beside the archive’s own' : 'none of age’s: it must look like age1…'
  throw new BackupError('INVALID_OPTION', `recipient ${position} is ${why}`, { data: { position } })
}
