import type { Environment } from './settings.ts'
import { Secret } from './secret.ts'
import type { SecretReference } from './secret.ts'

/** Environment variables with the project's secret: the first is for this program alone. */
export const SECRET_VARIABLES = ['CAF_SECRET', 'JWT_SECRET'] as const

export interface SecretPlaces {
  /** Given on the command line; relative to `cwd`. */
  readonly file: string | undefined
  /** The configuration file's member `secret`; relative to `folder`. */
  readonly reference: SecretReference | undefined
  readonly env: Environment
  readonly cwd: string
  readonly folder: string
}

/** The secret that archives are encrypted with: that of the command line, else of `CAF_SECRET`, else of the configuration file, else of `JWT_SECRET`. */
export function projectSecret ({ file, reference, env, cwd, folder }: SecretPlaces): Secret | undefined {
  const fromVariable = (variable: string): Secret | undefined => env[variable] === undefined || env[variable] === '' ? undefined : new Secret({ env: variable }, { field: 'secret', folder, env })
  const [own, application] = SECRET_VARIABLES
  if (file !== undefined) return new Secret({ file }, { field: '--secret-file', folder: cwd, env })
  return fromVariable(own) ?? (reference === undefined ? undefined : new Secret(reference, { field: 'secret', folder, env })) ?? fromVariable(application)
}
