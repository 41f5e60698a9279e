import * as v from 'valibot'
import { restoreScope } from '../config/restore-scope.ts'
import { withDatabaseModes } from '../config/restore-targets.ts'
import type { RestoreTargets } from '../config/restore-targets.ts'
import { targetOverrides } from '../config/target-overrides.ts'
import type { RegenerationPolicy, Selection } from '../engine/contract.ts'
import type { RestoreRecord } from '../engine/restore-journal.ts'
import type { SnapshotView } from '../engine/snapshot-view.ts'
import { BackupError } from '../errors.ts'
import { fits } from '../shape.ts'
import type { Plain } from '../stream.ts'
import type { Cli, Opened } from './cli.ts'
import { targetFlagsOf } from './target-options.ts'
import type { TargetOptions } from './target-options.ts'

/** All that a restore was asked to do: plain data without secrets, which the journal keeps for `--resume` and `--abort`. */
export interface RestoreIntent {
  readonly strategy: RegenerationPolicy['strategy']
  readonly select?: Selection
  readonly preserveHistory: boolean
  readonly targets: RestoreTargets
}

const Names = v.exactOptional(v.array(v.string()))
const Renamings = v.exactOptional(v.record(v.string(), v.string()))
const INTENT = v.object({
  by: v.literal('cli'),
  strategy: v.picklist(['incremental', 'full', 'selective']),
  select: v.exactOptional(v.object({ tables: Names, collections: Names, matrices: Names, files: Names, nodes: Names, withDependencies: v.exactOptional(v.boolean()) })),
  preserveHistory: v.boolean(),
  targets: v.object({
    sources: v.array(v.string()),
    overrides: v.record(v.string(), v.object({
      database: v.exactOptional(v.string()), folder: v.exactOptional(v.string()), schemas: Renamings, collections: Renamings,
      mode: v.exactOptional(v.picklist(['create', 'in-place'])),
    })),
    files: Names,
    replace: v.boolean(),
    disconnect: v.boolean(),
    skipOwners: v.boolean(),
  }),
})

/** What the command line says about a restore. */
export interface RestoreWish extends TargetOptions {
  readonly strategy: RegenerationPolicy['strategy']
  readonly select?: Selection
  readonly preserveHistory: boolean
}

/** Finds out what a wish means for this snapshot and this configuration. @throws {BackupError} `INVALID_OPTION`; `SOURCE_…` when a database cannot be asked */
export async function makeIntent ({ terminal: { cwd }, signal }: Cli, { config }: Opened, { block }: SnapshotView, wish: RestoreWish): Promise<RestoreIntent> {
  const { strategy, select, preserveHistory, replace = false, disconnect = false, skipOwners = false } = wish
  const sources = restoreScope(config.sources, block.sources.map(({ name }) => name), select)
  const targets: RestoreTargets = {
    sources: sources.map(({ name }) => name), overrides: targetOverrides(targetFlagsOf(wish), { sources, cwd }),
    replace, disconnect, skipOwners, ...(select?.files !== undefined && { files: select.files }),
  }
  return { strategy, preserveHistory, ...(select !== undefined && { select }), targets: await withDatabaseModes(targets, sources, { partial: select !== undefined, signal }) }
}

export function encodeIntent (intent: RestoreIntent): Plain {
  return JSON.parse(JSON.stringify({ by: 'cli', ...intent })) as Plain
}

/** @throws {BackupError} `RESTORE_PENDING` when another program began that restore */
export function decodeIntent ({ request, snapshot }: RestoreRecord): RestoreIntent {
  if (fits(INTENT, request)) return request
  throw new BackupError('RESTORE_PENDING', `the restore of snapshot ${snapshot} was not begun by this command: finish or undo it with the program that began it`, { data: { snapshot } })
}

/** What the engine needs to know of it. */
export function policyOf ({ strategy, select, preserveHistory }: RestoreIntent): Partial<RegenerationPolicy> {
  return { strategy, preserveHistory, ...(select !== undefined && { select }) }
}
