import type { Command } from 'commander'
import type { ArchiveEncryption, ArchiveKey } from '../caf/age-keys.ts'
import type { Config } from '../config/load-config.ts'
import { Secret } from '../config/secret.ts'
import { BackupError } from '../errors.ts'
import { repeated } from './option-values.ts'
import type { Terminal } from './terminal.ts'

export interface EncryptionOptions {
  readonly encrypt?: boolean
  readonly recipient?: readonly string[]
}

export interface KeyOptions {
  readonly archiveSecretFile?: string
  readonly identityFile?: string
}

/** The options that say who can open an archive. */
export function addEncryptionOptions (command: Command): Command {
  return command
    .option('--encrypt', "encrypt it with the project's secret (default when the repository is sealed)")
    .option('--no-encrypt', 'do not encrypt it')
    .option('--recipient <age1...>', 'encrypt it, and let the owner of this age key open it too (may be repeated)', repeated)
}

/** The options that open an encrypted archive. */
export function addKeyOptions (command: Command): Command {
  return command
    .option('--archive-secret-file <path>', "file with the archive's secret, when that is not the project's")
    .option('--identity-file <path>', 'file with the age key of a recipient of the archive, in the place of the secret')
}

/** Who can open the archive; undefined when everybody can. `byDefault` holds when no option says whether to encrypt. */
export async function encryptionOf ({ encrypt, recipient: recipients }: EncryptionOptions, { secret }: Config, { byDefault }: { readonly byDefault: boolean }): Promise<ArchiveEncryption | undefined> {
  if (encrypt === false && recipients !== undefined) throw new BackupError('INVALID_OPTION', 'an archive that is not encrypted has no recipients: leave out --no-encrypt or --recipient')
  if (!(encrypt ?? (recipients !== undefined || byDefault))) return undefined
  if (secret === undefined) throw keyNeeded('to encrypt the archive', '--secret-file, or --no-encrypt')
  return { secret: await secret.reveal(), recipients }
}

/** What opens an archive that is encrypted; the secret is looked up only then. */
export async function archiveKeyOf ({ archiveSecretFile, identityFile }: KeyOptions, config: Config, { cwd, env }: Pick<Terminal, 'cwd' | 'env'>): Promise<ArchiveKey> {
  if (identityFile !== undefined) return { identity: await new Secret({ file: identityFile }, { field: '--identity-file', folder: cwd, env }).reveal() }
  const secret = archiveSecretFile === undefined ? config.secret : new Secret({ file: archiveSecretFile }, { field: '--archive-secret-file', folder: cwd, env })
  return {
    secret: async () => {
      if (secret === undefined) throw keyNeeded('to open the archive, which is encrypted', '--secret-file or --identity-file')
      return await secret.reveal()
    },
  }
}

function keyNeeded (what: string, options: string): BackupError {
  return new BackupError('KEY_NEEDED', `there is no secret ${what}: set CAF_SECRET or JWT_SECRET, or give ${options}`)
}
