import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { BackupError } from '../../errors.ts'
import { wrapForRecipients } from './age-file.ts'

/** X25519. A post-quantum one would promise too much: it would guard an identity that is none. */
const RECIPIENT = /^age1[02-9ac-hj-np-z]{58}$/

/** A secret key, `AGE-SECRET-KEY-1…`. */
export async function newIdentity (): Promise<string> {
  return await generateX25519Identity()
}

/** The public key, `age1…`, of an identity. @throws {BackupError} `INVALID_OPTION` */
export async function recipientOf (identity: string): Promise<string> {
  try {
    return await identityToRecipient(identity)
  } catch {
    throw notAnIdentity() // The library's message quotes it.
  }
}

/**
 * The identities in the text of an identity file: one a line, empty lines and those with `#` left out.
 * @throws {BackupError} `INVALID_OPTION` when there is none, or something else
 */
export async function parseIdentities (text: string): Promise<string[]> {
  const lines = text.split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) throw notAnIdentity()
  await Promise.all(lines.map(recipientOf))
  return lines
}

/** @throws {BackupError} `INVALID_OPTION` unless `text` is a recipient that we can wrap for */
export async function checkRecipient (text: string): Promise<void> {
  if (!RECIPIENT.test(text)) throw new BackupError('INVALID_OPTION', 'that is no age recipient: it must be age1 and 58 more characters; keys of SSH, of hardware and post-quantum ones are not supported')
  await wrapForRecipients(new Uint8Array(), [text])
}

function notAnIdentity (): BackupError {
  return new BackupError('INVALID_OPTION', 'that is no age identity: one begins with AGE-SECRET-KEY-1, as `age-keygen` makes them, or as on the recovery sheet')
}
