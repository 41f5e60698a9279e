import type { Secret } from './secret.ts'

export interface PostgresServerConfig {
  readonly url: Secret
  /** The value of `PGPASSWORD`, for a URL without a password. */
  readonly password: string | undefined
  readonly database: string | undefined
}

export interface PostgresConfig extends PostgresServerConfig {
  readonly kind: 'postgres'
  readonly name: string
  readonly replicaUrl: Secret | undefined
  readonly schemas: readonly string[] | undefined
  readonly excludeSchemas: readonly string[] | undefined
  /** As `schema.table`. */
  readonly excludeTables: readonly string[] | undefined
  readonly pgDump: string | undefined
  readonly maxConnections: number | undefined
  readonly reads: 'incremental' | 'full' | undefined
  readonly fullReadEvery: number | undefined
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

export interface FilesConfig {
  readonly kind: 'files'
  readonly name: string
  /** Absolute. */
  readonly folder: string
  readonly whenChanged: 'fail' | 'note'
  readonly target: { readonly folder: string }
}

/** A row that holds matrices. */
export interface MetadataConfig extends PostgresServerConfig {
  readonly table: string
  readonly keyColumn: string
  readonly key: string | number
  readonly column: string | undefined
}

/** Where matrices are: in a folder (its absolute path) or in a row. */
export type MatrixPlace = { readonly folder: string } | { readonly metadata: MetadataConfig }

/** A matrix that can be made again: principal components of the vectors of a collection. */
export interface ComputedMatrix {
  readonly matrix: string
  /** Node id of the collection. */
  readonly from: string
  readonly components: number
  readonly vector: string
  readonly output: 'components' | 'mean'
}

export interface MatricesConfig {
  readonly kind: 'matrices'
  readonly name: string
  readonly place: MatrixPlace
  readonly computed: readonly ComputedMatrix[]
  readonly target: MatrixPlace
}

/** One source, and where it is restored to. */
export type SourceConfig = PostgresConfig | QdrantConfig | FilesConfig | MatricesConfig
