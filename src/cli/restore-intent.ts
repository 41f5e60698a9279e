import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { RestoreTargets } from '../config/open-config.ts'
import type { RegenerationPolicy, Selection } from '../engine/contract.ts'
import type { RestoreRecord } from '../engine/restore-journal.ts'
import { BackupError } from '../errors.ts'
import type { Plain } from '../stream.ts'

/** All that a restore was asked to do: plain data without secrets, which the journal keeps for `--resume` and `--abort`. */
export interface RestoreIntent {
  readonly strategy: RegenerationPolicy['strategy']
  readonly select?: Selection
  readonly preserveHistory: boolean
  readonly targets: RestoreTargets
}

const Names = Type.Optional(Type.Array(Type.String()))
const Renamings = Type.Optional(Type.Record(Type.String(), Type.String()))
const INTENT = Compile(Type.Object({
  by: Type.Literal('cli'),
  strategy: Type.Enum(['incremental', 'full', 'selective']),
  select: Type.Optional(Type.Object({ tables: Names, collections: Names, matrices: Names, files: Names, nodes: Names, withDependencies: Type.Optional(Type.Boolean()) })),
  preserveHistory: Type.Boolean(),
  targets: Type.Object({
    overrides: Type.Record(Type.String(), Type.Object({ database: Type.Optional(Type.String()), folder: Type.Optional(Type.String()), schemas: Renamings, collections: Renamings })),
    files: Names,
    replace: Type.Boolean(),
    skipOwners: Type.Boolean(),
  }),
}))

export function encodeIntent (intent: RestoreIntent): Plain {
  return JSON.parse(JSON.stringify({ by: 'cli', ...intent })) as Plain
}

/** @throws {BackupError} `RESTORE_PENDING` when another program began that restore */
export function decodeIntent ({ request, snapshot }: RestoreRecord): RestoreIntent {
  if (INTENT.Check(request)) return request
  throw new BackupError('RESTORE_PENDING', `the restore of snapshot ${snapshot} was not begun by this command: finish or undo it with the program that began it`, { data: { snapshot } })
}

/** What the engine needs to know of it. */
export function policyOf ({ strategy, select, preserveHistory }: RestoreIntent): Partial<RegenerationPolicy> {
  return { strategy, preserveHistory, ...(select !== undefined && { select }) }
}
