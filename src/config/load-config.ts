import { dirname, resolve } from 'node:path'
import { BackupError } from '../errors.ts'
import type { Retention } from '../engine/retention.ts'
import { checkConfig } from './check-config.ts'
import type { CheckedConfig } from './check-config.ts'
import { readConfigFile } from './config-file.ts'
import type { SourceKind } from './config-schema.ts'
import { Secret } from './secret.ts'
import type { SecretReference } from './secret.ts'
import { applySettings, environmentSettings, VARIABLES } from './settings.ts'
import type { Environment, Settings } from './settings.ts'

export interface LoadRequest {
  /** Path of a configuration file; else `CAF_CONFIG`, else the nearest one above `cwd`. */
  readonly file?: string | undefined
  readonly flags?: Settings
  readonly env: Environment
  readonly cwd: string
}

export interface PostgresServerConfig {
  readonly url: Secret
  /** The value of `PGPASSWORD`, for a URL without a password. */
  readonly password: string | undefined
}

export interface PostgresConfig extends PostgresServerConfig {
  readonly kind: 'postgres'
  readonly name: string
  readonly replicaUrl: Secret | undefined
  readonly database: string | undefined
  readonly schemas: readonly string[] | undefined
  readonly excludeSchemas: readonly string[] | undefined
  /** As `schema.table`. */
  readonly excludeTables: readonly string[] | undefined
  readonly pgDump: string | undefined
  readonly maxConnections: number | undefined
  readonly target: { readonly url: Secret | undefined, readonly database: string | undefined }
}

export interface QdrantConfig {
  readonly kind: 'qdrant'
  readonly name: string
  readonly url: string
  readonly apiKey: Secret | undefined
  readonly collections: readonly string[] | undefined
  readonly digest: 'none' | 'points'
  readonly target: { readonly url: string, readonly apiKey: Secret | undefined }
}

export interface FolderConfig {
  readonly name: string
  /** Absolute. */
  readonly folder: string
  readonly target: { readonly folder: string }
}

export interface FilesConfig extends FolderConfig {
  readonly kind: 'files'
  readonly whenChanged: 'fail' | 'note'
}

export interface MatricesConfig extends FolderConfig {
  readonly kind: 'matrices'
}

export type SourceConfig = PostgresConfig | QdrantConfig | FilesConfig | MatricesConfig

/** A whole configuration: checked, with every default put in and every path absolute. */
export interface Config {
  /** The file it came from, if any. */
  readonly file: string | undefined
  readonly repository: string
  readonly project: string
  readonly concurrency: number
  readonly retention: Retention
  readonly sources: readonly SourceConfig[]
}

/**
 * Puts the configuration together: flags over environment over file over defaults.
 * @throws {BackupError} `CONFIG_INVALID` naming the field
 */
export async function loadConfig ({ file: named, flags = {}, env, cwd }: LoadRequest): Promise<Config> {
  const file = await readConfigFile(cwd, named ?? (env['CAF_CONFIG'] === '' ? undefined : env['CAF_CONFIG']))
  const fromFile = checkConfig(file?.content ?? {}, file?.path ?? 'the configuration')
  const fromEnvironment = applySettings(fromFile, environmentSettings(env), { cwd, label: setting => VARIABLES[setting] })
  const config = applySettings(fromEnvironment, flags, { cwd, label: flagOf })
  return resolveConfig(config, { file: file?.path, folder: file === undefined ? cwd : dirname(file.path), env })
}

function flagOf (setting: string): string {
  return `--${setting.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
}

interface Place {
  readonly file: string | undefined
  /** Folder that relative paths of the file start from. */
  readonly folder: string
  readonly env: Environment
}

function resolveConfig (config: CheckedConfig, place: Place): Config {
  const { repository = '.backups', project = 'default', concurrency = 4, retention = {} } = config
  const sources = sourcesOf(config, place)
  const names = sources.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new BackupError('CONFIG_INVALID', `two sources have the name ${twice}; give each of them a \`name\` of its own`, { data: { name: twice } })
  return { file: place.file, repository: resolve(place.folder, repository), project, concurrency, retention, sources }
}

function sourcesOf ({ sources: { postgres, qdrant, files, matrices } }: CheckedConfig, { folder, env }: Place): SourceConfig[] {
  const secret = (reference: SecretReference, kind: SourceKind, member: string): Secret => new Secret(reference, { field: `sources.${kind}.${member}`, folder, env })
  const maybe = (reference: SecretReference | undefined, kind: SourceKind, member: string): Secret | undefined => reference === undefined ? undefined : secret(reference, kind, member)
  const folders = (source: { readonly folder: string, readonly target?: { readonly folder: string } }): Pick<FolderConfig, 'folder' | 'target'> => ({
    folder: resolve(folder, source.folder), target: { folder: resolve(folder, source.target?.folder ?? source.folder) },
  })
  return [
    ...postgres.map(({ name = 'postgres', url, replicaUrl, database, schemas, excludeSchemas, excludeTables, pgDump, maxConnections, target }): PostgresConfig => ({
      kind: 'postgres', name, database, schemas, excludeSchemas, excludeTables, pgDump, maxConnections, password: env['PGPASSWORD'],
      url: secret(url, 'postgres', 'url'), replicaUrl: maybe(replicaUrl, 'postgres', 'replicaUrl'),
      target: { url: maybe(target?.url, 'postgres', 'target.url'), database: target?.database },
    })),
    ...qdrant.map(({ name = 'qdrant', url, apiKey, collections, digest = 'none', target }): QdrantConfig => ({
      kind: 'qdrant', name, url, collections, digest, apiKey: maybe(apiKey, 'qdrant', 'apiKey'),
      // A key goes to the server it belongs to, and to no other.
      target: { url: target?.url ?? url, apiKey: maybe(target?.apiKey ?? (target?.url === undefined ? apiKey : undefined), 'qdrant', 'target.apiKey') },
    })),
    ...files.map(({ name = 'files', whenChanged = 'fail', ...source }): FilesConfig => ({ kind: 'files', name, whenChanged, ...folders(source) })),
    ...matrices.map(({ name = 'matrices', ...source }): MatricesConfig => ({ kind: 'matrices', name, ...folders(source) })),
  ]
}
