import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { PrepareOptions, Problem, RestoreItem, Restorer } from '../source.ts'
import { rowsId } from './identifier.ts'
import { checkInPlace } from './restore-check-in-place.ts'
import { sameArtifact } from './restore-comparison.ts'
import { forItem } from './restore-error.ts'
import { applyInPlace } from './restore-in-place-apply.ts'
import { planInPlace, refuseDiffering } from './restore-in-place-plan.ts'
import type { InPlacePlan } from './restore-in-place-plan.ts'
import type { RestorerSettings } from './restore-options.ts'
import { stateOf } from './restore-prepare.ts'
import { NO_RENAMING } from './restore-renaming.ts'
import { openSession } from './restore-session.ts'
import type { TargetState } from './restore-target.ts'
import { NEWEST_MAJOR } from './server-facts.ts'

/**
 * Changes an existing database within one transaction, which `prepare` leaves open and `commit` commits. A process that dies takes the
 * transaction with it, so that a new restorer has nothing to commit or to abort: it is told by `holds` what is still to do.
 */
export class InPlaceRestorer implements Restorer {
  readonly name: string
  readonly #settings: RestorerSettings
  readonly #target: TargetState
  #transaction: pg.Client | undefined

  constructor (settings: RestorerSettings) {
    this.name = settings.name
    this.#settings = settings
    this.#target = stateOf(settings.database, settings)
  }

  async check (items: readonly RestoreItem[], options: AbortOptions = {}): Promise<readonly Problem[]> {
    return await checkInPlace(items, this.#target, this.#settings, options)
  }

  /** False for objects when some move into another schema: which names in them do shows only when all of them are looked at. */
  async holds (item: RestoreItem, { signal }: AbortOptions = {}): Promise<boolean> {
    const { owners, schemas } = this.#settings
    if (Object.keys(schemas).length > 0 && item.kind !== 'pg.rows') return false
    const artifact = await this.#target.artifact(this.#idInTarget(item), { signal })
    return artifact !== undefined && await sameArtifact(item, artifact, { renaming: NO_RENAMING, owners, major: NEWEST_MAJOR, extensionVersions: new Map(), signal })
  }

  async prepare (items: readonly RestoreItem[], options: PrepareOptions = {}): Promise<void> {
    const { server, database } = this.#settings
    await this.#rollBack()
    await forItem({ action: `restore into database ${database}`, signal: options.signal }, async () => {
      const client = await openSession(server, database, { ...this.#settings, ...options, durable: 'always' })
      this.#transaction = client
      const cutOff = (): void => { server.destroy(client) }
      options.signal?.addEventListener('abort', cutOff, { once: true })
      try {
        const plan = await this.#plan(client, items, options)
        await client.query('BEGIN')
        await applyInPlace(client, plan, items, this.#settings, options)
      } catch (error) {
        await this.#rollBack()
        throw error
      } finally {
        options.signal?.removeEventListener('abort', cutOff)
      }
    })
  }

  /** Does nothing when no transaction of this process is open. */
  async commit (): Promise<void> {
    const client = this.#transaction
    if (client === undefined) return
    await forItem({ action: `commit the restore into database ${this.#settings.database}` }, async () => {
      const { command } = await client.query('COMMIT')
      if (command !== 'COMMIT') throw new BackupError('TARGET_FAILED', 'the server rolled the restore back')
    })
    this.#transaction = undefined
    await this.#settings.server.release(client)
  }

  async abort (): Promise<void> {
    await this.#rollBack()
    await this.#target.close()
  }

  async close (): Promise<void> {
    await this.abort()
  }

  /** Done before the transaction begins: the capture's locks and the transaction's would exclude each other. */
  async #plan (client: pg.Client, items: readonly RestoreItem[], options: AbortOptions): Promise<InPlacePlan> {
    try {
      const plan = await planInPlace(client, this.#target, items, this.#settings, options)
      refuseDiffering(plan)
      return plan
    } finally {
      await this.#target.close()
    }
  }

  async #rollBack (): Promise<void> {
    const client = this.#transaction
    this.#transaction = undefined
    if (client === undefined) return
    const { server } = this.#settings
    // Whatever state the connection is in, the server rolls back when it ends.
    await client.query('ROLLBACK').then(async () => { await server.release(client) }, () => { server.destroy(client) })
  }

  #idInTarget ({ id, kind, attributes }: RestoreItem): string {
    const { name, schemas } = this.#settings
    const schema = String(attributes['schema'])
    return kind === 'pg.rows' ? rowsId(name, schemas[schema] ?? schema, String(attributes['table'])) : id
  }
}
