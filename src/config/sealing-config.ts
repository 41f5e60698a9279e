import { resolve } from 'node:path'
import type { SealingSettings } from './config-schema.ts'
import { SECRET_VARIABLES } from './project-secret.ts'
import { Secret } from './secret.ts'
import type { Environment } from './settings.ts'

/** Names a file with age identities that open a sealed repository. */
export const IDENTITY_VARIABLE = 'CAF_IDENTITY_FILE'

/** What opens a sealed repository, and whether it has to be one. */
export interface SealingConfig {
  /** The configuration says that the repository is sealed: one that is not may have been put in its place. */
  readonly required: boolean
  /** Text of an identity file. */
  readonly identity: Secret | undefined
  /** `age1…`, which the repository's keys must have; without secret and identity: what to seal for. */
  readonly recipient: string | undefined
  /** Without any of its own the secret of the application, which may be there for other reasons, opens it. */
  readonly ownSecret: boolean
}

export interface SealingPlaces {
  readonly settings: SealingSettings | undefined
  /** The command line or the configuration file names a secret. */
  readonly namesSecret: boolean
  readonly env: Environment
  /** Folder that the paths in the configuration file start from. */
  readonly folder: string
  readonly cwd: string
}

/** Puts together what the configuration file and the environment say about sealing. */
export function sealingConfig ({ settings, namesSecret, env, folder, cwd }: SealingPlaces): SealingConfig {
  const [own] = SECRET_VARIABLES
  const file = env[IDENTITY_VARIABLE]
  const field = 'sealing.identity'
  const fromSettings = settings?.identity === undefined ? undefined : new Secret(settings.identity, { field, folder, env })
  return {
    required: settings !== undefined,
    identity: isGiven(file) ? new Secret({ file: resolve(cwd, file) }, { field: IDENTITY_VARIABLE, folder: cwd, env }) : fromSettings,
    recipient: settings?.recipient,
    ownSecret: namesSecret || isGiven(env[own]),
  }
}

function isGiven (text: string | undefined): text is string {
  return text !== undefined && text !== ''
}
