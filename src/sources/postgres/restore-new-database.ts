import type { AbortOptions } from '../../stream.ts'
import type { PrepareOptions, Problem, RestoreItem, Restorer } from '../source.ts'
import { checkNewDatabase } from './restore-check-new.ts'
import type { NewDatabaseContext } from './restore-check-new.ts'
import { abortDatabase, commitDatabase } from './restore-commit.ts'
import { sameArtifact } from './restore-comparison.ts'
import { targetNames } from './restore-databases.ts'
import { forItem } from './restore-error.ts'
import { Maintenance } from './restore-maintenance.ts'
import { restoreIdentity } from './restore-marker.ts'
import type { RestorerSettings } from './restore-options.ts'
import { prepareDatabase, stateOf } from './restore-prepare.ts'
import { NO_RENAMING } from './restore-renaming.ts'
import type { TargetState } from './restore-target.ts'
import { NEWEST_MAJOR } from './server-facts.ts'

/** Restores into a database of its own, which gets its name when it is complete. */
export class NewDatabaseRestorer implements Restorer {
  readonly name: string
  readonly isAside = true
  readonly #context: NewDatabaseContext
  readonly #live: TargetState
  readonly #maintenance: Maintenance

  constructor (settings: RestorerSettings) {
    const { name, server, database } = settings
    const owner = restoreIdentity(name, database)
    this.name = name
    this.#context = { settings, owner, names: targetNames(database) }
    this.#live = stateOf(database, settings)
    this.#maintenance = new Maintenance(server, database, { owner })
  }

  async check (items: readonly RestoreItem[], options: AbortOptions = {}): Promise<readonly Problem[]> {
    await this.#live.close()
    return await checkNewDatabase(items, this.#context, options)
  }

  /** Always false when a database is to be replaced: the new one needs all that the backup holds, whatever the old one has. */
  async holds (item: RestoreItem, { signal }: AbortOptions = {}): Promise<boolean> {
    const { replace, owners } = this.#context.settings
    if (replace === 'swap') return false
    const artifact = await this.#live.artifact(item.id, { signal })
    return artifact !== undefined && await sameArtifact(item, artifact, { renaming: NO_RENAMING, owners, major: NEWEST_MAJOR, extensionVersions: new Map(), signal })
  }

  async prepare (items: readonly RestoreItem[], options: PrepareOptions = {}): Promise<void> {
    await this.#live.close()
    await this.#acting('restore into', options, async () => { await prepareDatabase(await this.#maintenance.open(options), this.#context, items, options) })
  }

  async commit (options: AbortOptions = {}): Promise<void> {
    await this.#acting('finish the restore of', options, async () => { await commitDatabase(await this.#maintenance.open(options), this.#context, options) })
  }

  async abort (options: AbortOptions = {}): Promise<void> {
    await this.#live.close()
    await this.#acting('undo the restore of', options, async () => { await abortDatabase(await this.#maintenance.open(options), this.#context, options) })
  }

  async close (): Promise<void> {
    await this.#live.close()
    await this.#maintenance.close()
  }

  async #acting (action: string, { signal }: AbortOptions, act: () => Promise<void>): Promise<void> {
    await forItem({ action: `${action} database ${this.#context.settings.database}`, signal }, act)
  }
}
