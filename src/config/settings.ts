import { resolve } from 'node:path'
import { BackupError } from '../errors.ts'
import type { CheckedConfig } from './check-config.ts'
import type { SourceKind, SourceSettings } from './config-schema.ts'

/** What the environment and the command line can set; the command line wins, and both win over the file. */
export interface Settings {
  readonly repository?: string | undefined
  readonly project?: string | undefined
  readonly concurrency?: string | undefined
  readonly postgresUrl?: string | undefined
  readonly qdrantUrl?: string | undefined
  readonly qdrantApiKey?: string | undefined
  readonly filesFolder?: string | undefined
  readonly matricesFolder?: string | undefined
}

/** What only the command line can set as well. */
export interface Flags extends Settings {
  readonly secretFile?: string | undefined
}

type Setting = keyof Settings

/** The environment variable of each setting; those with a flag too (a key on the command line is seen by every user of the machine). */
export const VARIABLES: Readonly<Record<Setting, string>> = {
  repository: 'CAF_REPOSITORY',
  project: 'CAF_PROJECT',
  concurrency: 'CAF_CONCURRENCY',
  postgresUrl: 'CAF_POSTGRES_URL',
  qdrantUrl: 'CAF_QDRANT_URL',
  qdrantApiKey: 'CAF_QDRANT_API_KEY',
  filesFolder: 'CAF_FILES_FOLDER',
  matricesFolder: 'CAF_MATRICES_FOLDER',
}

export type Environment = Readonly<Record<string, string | undefined>>

export interface SettingsPlace {
  /** Folder that relative paths start from. */
  readonly cwd: string
  /** How the user calls a setting, for messages. */
  label(setting: Setting): string
}

/** The settings in the environment; an empty variable is as good as none. */
export function environmentSettings (env: Environment): Settings {
  const given = Object.entries(VARIABLES).map(([setting, variable]) => [setting, env[variable]] as const)
  return Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== ''))
}

/** Puts `settings` over `config`. @throws {BackupError} `CONFIG_INVALID` */
export function applySettings (config: CheckedConfig, settings: Settings, { cwd, label }: SettingsPlace): CheckedConfig {
  const folder = (path: string): string => resolve(cwd, path)
  const { repository, project, concurrency, postgresUrl, qdrantUrl, qdrantApiKey, filesFolder, matricesFolder } = settings
  const { sources } = config
  return {
    ...config,
    ...(repository !== undefined && { repository: folder(repository) }),
    ...(project !== undefined && { project }),
    ...(concurrency !== undefined && { concurrency: wholeNumber(concurrency, label('concurrency')) }),
    sources: {
      postgres: postgresUrl === undefined ? sources.postgres : withMember('postgres', sources.postgres, { url: postgresUrl }, label('postgresUrl')),
      qdrant: withQdrant(sources.qdrant, { qdrantUrl, qdrantApiKey }, label),
      files: filesFolder === undefined ? sources.files : withMember('files', sources.files, { folder: folder(filesFolder) }, label('filesFolder')),
      matrices: matricesFolder === undefined ? sources.matrices : withMember('matrices', sources.matrices, { folder: folder(matricesFolder) }, label('matricesFolder')),
    },
  }
}

function withQdrant (given: ReadonlyArray<SourceSettings<'qdrant'>>, { qdrantUrl, qdrantApiKey }: Pick<Settings, 'qdrantUrl' | 'qdrantApiKey'>, label: SettingsPlace['label']): ReadonlyArray<SourceSettings<'qdrant'>> {
  const withUrl = qdrantUrl === undefined ? given : withMember('qdrant', given, { url: qdrantUrl }, label('qdrantUrl'))
  // A key alone describes no source: without one it is for nobody.
  if (qdrantApiKey === undefined || withUrl.length === 0) return withUrl
  return withUrl.map(source => ({ ...source, apiKey: source.apiKey === undefined || withUrl.length === 1 ? qdrantApiKey : source.apiKey }))
}

/** Changes the only source of a kind, or among several the one that has the kind's own name; makes it when there is none. */
function withMember<Kind extends SourceKind> (kind: Kind, given: ReadonlyArray<SourceSettings<Kind>>, members: Partial<SourceSettings<Kind>>, label: string): ReadonlyArray<SourceSettings<Kind>> {
  if (given.length === 0) return [members as SourceSettings<Kind>]
  const chosen = given.length === 1 ? given[0] : given.find(({ name = kind }) => name === kind)
  if (chosen === undefined) {
    throw new BackupError('CONFIG_INVALID', `${label} could mean any of the sources ${given.map(({ name }) => name).join(', ')}; change it in the configuration file`, { data: { kind } })
  }
  return given.map(source => source === chosen ? { ...source, ...members } : source)
}

function wholeNumber (value: string, label: string): number {
  const number = Number(value)
  if (!/^\d+$/.test(value) || number < 1 || !Number.isSafeInteger(number)) throw new BackupError('CONFIG_INVALID', `${label} must be a whole number from 1`, { data: { label } })
  return number
}
