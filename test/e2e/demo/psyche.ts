import { join } from 'node:path'
import { pcaRecipe } from '../../../src/engine/pca-recipe.ts'
import { filesRestorer } from '../../../src/sources/files/files-restorer.ts'
import { filesSource } from '../../../src/sources/files/files-source.ts'
import { matrixRestorer } from '../../../src/sources/matrix/matrix-restorer.ts'
import { matrixSource } from '../../../src/sources/matrix/matrix-source.ts'
import type { MatrixStore } from '../../../src/sources/matrix/matrix-store.ts'
import { metadataMatrixStore } from '../../../src/sources/matrix/metadata-matrix-store.ts'
import { computePca, encodePca } from '../../../src/sources/matrix/pca.ts'
import { postgresSource } from '../../../src/sources/postgres/postgres-source.ts'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { connectQdrant } from '../../../src/sources/qdrant/connection.ts'
import { qdrantRestorer } from '../../../src/sources/qdrant/qdrant-restorer.ts'
import { qdrantSource } from '../../../src/sources/qdrant/qdrant-source.ts'
import { readVectors } from '../../../src/sources/qdrant/read-vectors.ts'
import type { Restorer, Source } from '../../../src/sources/source.ts'
import { bytesOf } from '../../../src/stream.ts'
import { dayOfChange, firstDay } from './psyche-data.ts'
import { changeFiles, createMemories, DEMO_POINTS, writeFiles, writeMemories } from './psyche-memory.ts'
import { PSYCHE_SCHEMA } from './psyche-schema.ts'
import type { Tick } from './report.ts'
import type { World } from './world.ts'

/** The control database of the platform: one row a project, with its metadata. */
const CONTROL = 'cascata'
const COMPONENTS = 128

/** One project of the platform: its database, its collection, its files and its matrices, all named after its slug. */
export class Psyche {
  readonly slug: string
  readonly database: string
  readonly storage: string
  readonly qdrant: World['qdrant']
  readonly #world: World
  readonly #server: PostgresServer

  constructor (world: World, slug: string) {
    this.slug = slug
    this.database = slug.replaceAll('-', '_')
    this.storage = join(world.folder, slug === 'psyche' ? 'storage' : `storage-${slug}`)
    this.qdrant = world.qdrant
    this.#world = world
    this.#server = new PostgresServer({ url: world.postgres.url('postgres'), maxConnections: 4 })
  }

  sources (): Source[] {
    const describe = (matrix: string) => ({
      deps: [`qdrant/collection/${this.slug}`],
      recipe: pcaRecipe({ vector: 'full', components: COMPONENTS, output: matrix === 'pca' ? 'components' : 'mean' }),
      provenance: { agentId: 'cascata', capability: 'pca', designIntent: 'reduce 2048 dimensions to 128' },
    })
    return [
      postgresSource({ server: this.#server, database: this.database }),
      qdrantSource({ url: this.#world.qdrant.url, apiKey: this.#world.qdrant.apiKey, collections: [this.slug] }),
      matrixSource({ store: this.matrices(), describe }),
      filesSource({ folder: this.storage }),
    ]
  }

  /** What brings another project's snapshot back as this one. */
  restorers (from = 'psyche'): Restorer[] {
    const { url, apiKey } = this.#world.qdrant
    return [
      postgresRestorer({ server: this.#server, database: this.database, mode: 'create' }),
      qdrantRestorer({ url, apiKey, collections: { [from]: this.slug }, aliases: { [`${from}-live`]: `${this.slug}-live` } }),
      matrixRestorer({ store: this.matrices() }),
      filesRestorer({ folder: this.storage }),
    ]
  }

  /** Brings tables back into a schema of their own beside today's. */
  scratchRestorer (schema: string): Restorer {
    return postgresRestorer({ server: this.#server, database: this.database, mode: 'in-place', schemas: { public: schema } })
  }

  /** Where this project keeps its matrices: in its row of the control database. */
  matrices (): MatrixStore {
    return metadataMatrixStore({
      query: async (sql, values) => await this.#world.withDatabase(CONTROL, async client => await client.query<Record<string, unknown>>(sql, [...values])),
      table: 'projects', keyColumn: 'slug', key: this.slug,
    })
  }

  async create (tick: Tick): Promise<void> {
    const steps = [
      async () => { await this.#createDatabases() },
      async () => { await createMemories(this.#world.client, this.slug) },
      async () => { await writeMemories(this.#world.client, this.slug, { from: 0, to: DEMO_POINTS }) },
      async () => { await this.#learnMatrix() },
      async () => { await writeFiles(this.storage) },
    ]
    for (const [index, step] of steps.entries()) {
      await step()
      tick(index + 1, steps.length)
    }
  }

  async liveADay (): Promise<void> {
    await this.#world.withDatabase(this.database, async client => { await dayOfChange(client) })
    await writeMemories(this.#world.client, this.slug, { from: DEMO_POINTS, to: DEMO_POINTS + DEMO_POINTS / 100 })
    await changeFiles(this.storage)
  }

  /** How many facts the scratch schema and today's table hold. */
  async compareScratch (schema: string): Promise<{ readonly then: number, readonly now: number }> {
    return await this.#world.withDatabase(this.database, async client => {
      const { rows } = await client.query<{ then: number, now: number }>(`select (select count(*)::int from ${schema}.atomic_facts) as then, (select count(*)::int from public.atomic_facts) as now`)
      const [counts] = rows
      if (counts === undefined) throw new Error('a count gives a row')
      return counts
    })
  }

  async #createDatabases (): Promise<void> {
    await this.#world.withDatabase('postgres', async client => {
      await client.query(`create database ${CONTROL}`)
      await client.query(`create database ${this.database}`)
    })
    await this.#world.withDatabase(CONTROL, async client => {
      await client.query('create table projects (slug text primary key, metadata jsonb not null default jsonb_build_object())')
      await client.query(`insert into projects (slug) values ('${this.slug}'), ('${this.slug}-copy')`)
    })
    await this.#world.withDatabase(this.database, async client => {
      await client.query(PSYCHE_SCHEMA)
      await firstDay(client)
    })
  }

  /** Computes the PCA of the 2048-dimensional vectors and keeps it in the project's metadata. */
  async #learnMatrix (): Promise<void> {
    const server = connectQdrant({ url: this.#world.qdrant.url, apiKey: this.#world.qdrant.apiKey })
    const { components, mean } = encodePca(await computePca(readVectors(server, this.slug, 'full'), { components: COMPONENTS }))
    await this.matrices().write('pca', bytesOf(components))
    await this.matrices().write('pca-mean', bytesOf(mean))
  }
}
