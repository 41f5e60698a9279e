import { isBackupError } from '../errors.ts'
import type { Repository } from '../cas/repository.ts'
import { AgentOutputs } from '../sources/agents/agent-outputs.ts'
import type { AgentOutput } from '../sources/agents/agent-outputs.ts'
import type { Restorer, Source } from '../sources/source.ts'
import { directoryBackend } from '../storage/directory-backend.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { Policy } from '../trust/policy/policy.ts'
import type { Validator } from '../trust/validator.ts'
import { AikoCAS } from './aiko-cas.ts'
import type { BackupManager, BackupSnapshot, RegenerationPolicy, ValidationResult } from './contract.ts'
import type { Electorate } from './electorate.ts'
import { BackupEmitter } from './events.ts'
import { applyForget, planForget } from './forget.ts'
import { collectGarbage } from './garbage.ts'
import { openOrCreate } from './open-or-create.ts'
import type { OpenOrCreateOptions } from './open-or-create.ts'
import type { RecipeRunner } from './recipes.ts'
import { restoreSnapshot } from './restore.ts'
import { DEFAULT_POLICY } from './restore-plan.ts'
import { RyuMetadataDAG } from './ryu-metadata-dag.ts'
import { DEFAULT_PROJECT, createSnapshot } from './snapshot.ts'
import { findView, historyOf, listViews } from './snapshot-view.ts'
import type { SnapshotView } from './snapshot-view.ts'

export interface BackupManagerOptions extends OpenOrCreateOptions {
  /** @default the folder `.backups` */
  readonly backend?: StorageBackend
  /** What is captured besides the agents' outputs. @default none */
  readonly sources?: readonly Source[]
  /** Makes the targets of one restore, one for each source. @default none */
  readonly restorers?: (policy: RegenerationPolicy) => readonly Restorer[]
  readonly recipes?: readonly RecipeRunner[]
  /** @default one local validator */
  readonly validators?: readonly Validator[]
  /** How many validators must accept. @default all */
  readonly threshold?: number
  /** Whose cosignatures are enough, in the place of a threshold. */
  readonly quorumPolicy?: Policy
  /** @default 'default' */
  readonly project?: string
  /** Retention of {@link AikoRyuBackupManager.garbageCollect}, and the policy of restores that name none. */
  readonly policy?: Partial<RegenerationPolicy>
}

/** The contract's manager: agents' outputs and the given sources in, snapshots in a repository, and back. */
export class AikoRyuBackupManager implements BackupManager {
  readonly events = new BackupEmitter()
  /** What agents made; goes into the next snapshot, and comes back with a restore. */
  readonly outputs = new AgentOutputs()
  readonly #options: BackupManagerOptions
  readonly #backend: StorageBackend
  readonly #project: string
  #repository: Promise<Repository> | undefined

  constructor (options: BackupManagerOptions = {}) {
    this.#options = options
    this.#project = options.project ?? DEFAULT_PROJECT
    this.#backend = options.backend ?? directoryBackend('.backups')
  }

  /** The repository, made at the first use. @throws {BackupError} as {@link openOrCreate} */
  async repository (): Promise<Repository> {
    this.#repository ??= openOrCreate(this.#backend, this.#options)
    return await this.#repository
  }

  /** The storage below, for single values. */
  async cas (): Promise<AikoCAS> {
    return new AikoCAS(await this.repository())
  }

  /** Adds an agent's output to the next snapshot; returns the id of its node. @throws {BackupError} `INVALID_OPTION` */
  addOutput (output: AgentOutput): string {
    return this.outputs.add(output)
  }

  async createSnapshot (description: string, tags: string[] = []): Promise<BackupSnapshot> {
    const { sources = [] } = this.#options
    const repository = await this.repository()
    const { id } = await createSnapshot(repository, { ...this.#electorate, sources: [...sources, this.outputs], description, tags, project: this.#project, events: this.events })
    return this.#publicSnapshot(repository, await findView(repository, id))
  }

  /** Errors in the targets or the stored bytes come as a result that is not valid; what was asked for wrongly is thrown. */
  async restoreSnapshot (snapshotId: string, policy?: RegenerationPolicy): Promise<ValidationResult> {
    const { restorers = () => [], recipes, sources = [] } = this.#options
    const whole = { ...DEFAULT_POLICY, ...this.#options.policy, ...policy }
    try {
      const outcome = await restoreSnapshot(await this.repository(), snapshotId, {
        restorers: [...restorers(whole), this.outputs], policy: whole, recipes, history: [...sources, this.outputs], electorate: this.#electorate, events: this.events,
      })
      const warnings = outcome.recomputed > 0 ? [`${outcome.recomputed} nodes were lost and have been computed again`] : []
      return { isValid: true, errors: [], warnings }
    } catch (error) {
      if (!isBackupError(error) || isBackupError(error, 'SNAPSHOT_MISSING', 'SNAPSHOT_AMBIGUOUS', 'SELECTION_EMPTY', 'INVALID_OPTION')) throw error
      return { isValid: false, errors: [`${error.code}: ${error.message}`], warnings: [] }
    }
  }

  async listSnapshots (): Promise<BackupSnapshot[]> {
    const repository = await this.repository()
    return (await listViews(repository)).map(view => this.#publicSnapshot(repository, view))
  }

  async deleteSnapshot (snapshotId: string): Promise<boolean> {
    const repository = await this.repository()
    try {
      const view = await findView(repository, snapshotId)
      return (await applyForget(repository, { forget: [{ snapshot: view, reasons: ['named'] }] })).length > 0
    } catch (error) {
      if (isBackupError(error, 'SNAPSHOT_MISSING')) return false
      throw error
    }
  }

  async garbageCollect (): Promise<string[]> {
    const repository = await this.repository()
    const { maxSnapshots, ttlDays } = { ...DEFAULT_POLICY, ...this.#options.policy }
    for (const project of [this.#project, historyOf(this.#project)]) {
      await applyForget(repository, await planForget(repository, { project, retention: { maxSnapshots, ttlDays } }))
    }
    const { removed } = await collectGarbage(repository, { events: this.events })
    return [...removed]
  }

  /** Frees the repository. Safe to call twice. */
  async close (): Promise<void> {
    const repository = await this.#repository?.catch(() => undefined)
    await repository?.close()
  }

  get #electorate (): Electorate {
    const { validators, threshold, quorumPolicy: policy } = this.#options
    return { validators, threshold, policy }
  }

  #publicSnapshot (repository: Repository, view: SnapshotView): BackupSnapshot {
    return {
      id: view.id, root: view.root.toString(), project: view.project, description: view.block.description, tags: [...view.block.tags],
      timestamp: view.timestamp, consensus: view.consensus, validatedBy: [...view.validatedBy],
      dag: async () => await RyuMetadataDAG.load(view, repository),
    }
  }
}
