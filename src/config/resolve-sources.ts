import { resolve } from 'node:path'
import { BackupError } from '../errors.ts'
import type { CheckedConfig } from './check-config.ts'
import type { SourceKind, SourceSettings } from './config-schema.ts'
import { Secret } from './secret.ts'
import type { SecretReference } from './secret.ts'
import type { Environment } from './settings.ts'
import type { FilesConfig, MatricesConfig, MatrixPlace, MetadataConfig, PostgresConfig, QdrantConfig, SourceConfig } from './source-config.ts'

export interface SourcesPlace {
  /** Folder that relative paths start from. */
  readonly folder: string
  readonly env: Environment
}

/** The configured sources with every default put in. @throws {BackupError} `CONFIG_INVALID` */
export function resolveSources ({ sources: { postgres, qdrant, files, matrices } }: CheckedConfig, place: SourcesPlace): SourceConfig[] {
  const sources = [
    ...postgres.map(source => postgresConfig(source, place)),
    ...qdrant.map(source => qdrantConfig(source, place)),
    ...files.map(source => filesConfig(source, place)),
    ...matrices.map(source => matricesConfig(source, place)),
  ]
  const names = sources.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new BackupError('CONFIG_INVALID', `two sources have the name ${twice}; give each of them a \`name\` of its own`, { data: { name: twice } })
  return sources
}

function postgresConfig ({ name = 'postgres', url, replicaUrl, target, ...rest }: SourceSettings<'postgres'>, place: SourcesPlace): PostgresConfig {
  const { database, schemas, excludeSchemas, excludeTables, pgDump, maxConnections, reads, fullReadEvery } = rest
  return {
    kind: 'postgres', name, database, schemas, excludeSchemas, excludeTables, pgDump, maxConnections, reads, fullReadEvery, password: place.env['PGPASSWORD'],
    url: secret(url, 'postgres', 'url', place), replicaUrl: maybeSecret(replicaUrl, 'postgres', 'replicaUrl', place),
    target: { url: maybeSecret(target?.url, 'postgres', 'target.url', place), database: target?.database },
  }
}

function qdrantConfig ({ name = 'qdrant', url, apiKey, collections, digest = 'none', target }: SourceSettings<'qdrant'>, place: SourcesPlace): QdrantConfig {
  // A key goes to the server it belongs to, and to no other.
  const targetKey = target?.apiKey ?? (target?.url === undefined ? apiKey : undefined)
  return {
    kind: 'qdrant', name, url, collections, digest, apiKey: maybeSecret(apiKey, 'qdrant', 'apiKey', place),
    target: { url: target?.url ?? url, apiKey: maybeSecret(targetKey, 'qdrant', 'target.apiKey', place) },
  }
}

function filesConfig ({ name = 'files', folder, whenChanged = 'fail', target }: SourceSettings<'files'>, place: SourcesPlace): FilesConfig {
  return { kind: 'files', name, whenChanged, folder: resolve(place.folder, folder), target: { folder: resolve(place.folder, target?.folder ?? folder) } }
}

function matricesConfig ({ name = 'matrices', folder, metadata, computed = [], target = {} }: SourceSettings<'matrices'>, place: SourcesPlace): MatricesConfig {
  const own = matrixPlace({ folder, metadata }, place)
  if (own === undefined) throw new BackupError('CONFIG_INVALID', 'sources.matrices needs either a folder or metadata', { data: { name } })
  const targetMetadata = target.metadata === undefined || metadata === undefined ? target.metadata : { ...metadata, ...target.metadata }
  return {
    kind: 'matrices', name, place: own, target: matrixPlace({ folder: target.folder, metadata: targetMetadata }, place) ?? own,
    computed: computed.map(({ vector = '', output = 'components', ...matrix }) => ({ ...matrix, vector, output })),
  }
}

type MetadataSettings = NonNullable<SourceSettings<'matrices'>['metadata']>

function matrixPlace ({ folder, metadata }: { readonly folder: string | undefined, readonly metadata: Partial<MetadataSettings> | undefined }, place: SourcesPlace): MatrixPlace | undefined {
  if (folder !== undefined && metadata !== undefined) throw new BackupError('CONFIG_INVALID', 'sources.matrices has a folder and metadata; it can have only one of them')
  if (folder !== undefined) return { folder: resolve(place.folder, folder) }
  return metadata === undefined ? undefined : { metadata: metadataConfig(metadata, place) }
}

function metadataConfig ({ url, table, keyColumn, key, database, column }: Partial<MetadataSettings>, place: SourcesPlace): MetadataConfig {
  if (url === undefined || table === undefined || keyColumn === undefined || key === undefined) {
    throw new BackupError('CONFIG_INVALID', 'sources.matrices.target.metadata needs url, table, keyColumn and key, since the source has no metadata to take them from')
  }
  return { url: secret(url, 'matrices', 'metadata.url', place), password: place.env['PGPASSWORD'], database, table, keyColumn, key, column }
}

function secret (reference: SecretReference, kind: SourceKind, member: string, { folder, env }: SourcesPlace): Secret {
  return new Secret(reference, { field: `sources.${kind}.${member}`, folder, env })
}

function maybeSecret (reference: SecretReference | undefined, kind: SourceKind, member: string, place: SourcesPlace): Secret | undefined {
  return reference === undefined ? undefined : secret(reference, kind, member, place)
}
