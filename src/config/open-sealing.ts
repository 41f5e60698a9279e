import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { readConfig } from '../cas/repository-config.ts'
import type { OpenRepositoryOptions } from '../cas/repository-options.ts'
import { BackupError } from '../errors.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import type { UnlockedKeys } from '../trust/keys/unlocked-keys.ts'
import type { Config } from './load-config.ts'

/** What a sealed repository is opened with. */
export interface OpenSealing {
  /** Undefined for who knows the recipient alone and can only write. */
  readonly keys: UnlockedKeys | undefined
  readonly repositoryOptions: Pick<OpenRepositoryOptions, 'sealing' | 'access' | 'log' | 'cacheFolder'>
}

/** Who may open a sealed repository that is made, besides who has the configured secret. */
export interface SealedFor {
  /** `age1…` */
  readonly recipients: readonly string[]
  /** What to call the slot of the secret. */
  readonly label: string
}

/**
 * What opens the repository; undefined for one that is not sealed.
 * @throws {BackupError} `KEY_NEEDED` when nothing is given, `KEY_WRONG` when it does not fit; `CONFIG_INVALID` for one that should be sealed and is not; `REPOSITORY_MISSING`, `STORAGE_…`
 */
export async function openSealing (backend: StorageBackend, config: Config, options: AbortOptions = {}): Promise<OpenSealing | undefined> {
  const { id, sealedWith } = await readConfig(backend, options)
  if (sealedWith === undefined) {
    if (!config.sealing.required) return undefined
    throw new BackupError('CONFIG_INVALID', `sealing is configured, but the repository in ${backend.location} is not sealed: it is another one, or somebody changed it`, { data: { location: backend.location } })
  }
  const { recipient, identity, ownSecret } = config.sealing
  if (recipient !== undefined && identity === undefined && !ownSecret) {
    const { workerSealing } = await import('../trust/keys/worker-sealing.ts')
    const sealing = await workerSealing(backend, recipient, options)
    return { keys: undefined, repositoryOptions: { sealing, access: 'write-only', cacheFolder: await makeFolder(config.cacheFolder, id, 'level-write-only') } }
  }
  const keys = await unlockFromConfig(backend, config, options)
  return { keys, repositoryOptions: { sealing: keys, log: { keys }, cacheFolder: await makeFolder(config.cacheFolder, id, 'level') } }
}

/** Opens a sealed repository's keys with what is configured. @throws {BackupError} `KEY_NEEDED`, `KEY_WRONG`, `CONFIG_INVALID`, `STORAGE_…` */
export async function unlockFromConfig (backend: StorageBackend, { secret, sealing }: Config, options: AbortOptions = {}): Promise<UnlockedKeys> {
  const [{ parseIdentities }, { unlockKeys }] = await Promise.all([import('../trust/keys/age-identity.ts'), import('../trust/keys/unlock-keys.ts')])
  const credentials = {
    secret: await secret?.reveal(),
    identities: sealing.identity === undefined ? undefined : await parseIdentities(await sealing.identity.reveal()),
  }
  if (credentials.secret === undefined && credentials.identities === undefined) {
    throw new BackupError('KEY_NEEDED', `the repository in ${backend.location} is sealed: set CAF_SECRET or JWT_SECRET to its secret, or CAF_IDENTITY_FILE to a file with an age identity that opens it`, { data: { location: backend.location } })
  }
  return await unlockKeys(backend, credentials, { expected: sealing.recipient, ...options })
}

/** Makes the keys of a sealed repository. @throws {BackupError} `KEY_NEEDED` when there is nobody to seal it for; as {@link createKeys} */
export async function createSealing (backend: StorageBackend, { secret }: Config, { recipients, label }: SealedFor, options: AbortOptions = {}): Promise<UnlockedKeys> {
  if (secret === undefined && recipients.length === 0) {
    throw new BackupError('KEY_NEEDED', 'a sealed repository needs a secret: make one with `openssl rand -base64 48` and set CAF_SECRET or JWT_SECRET to it, or give --recipient')
  }
  const { createKeys } = await import('../trust/keys/create-keys.ts')
  return await createKeys(backend, { secret: await secret?.reveal(), recipients, label, ...options })
}

/** For this host's cache of the index; false where there can be none. */
async function makeFolder (...parts: [cacheFolder: string, id: string, name: string]): Promise<string | false> {
  const folder = join(...parts)
  return await mkdir(folder, { recursive: true, mode: 0o700 }).then(() => folder, () => false)
}
