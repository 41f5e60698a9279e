import type { Command } from 'commander'
import type { TargetFlags } from '../config/target-overrides.ts'
import { repeated } from './option-values.ts'

export interface TargetOptions {
  readonly toDatabase?: readonly string[]
  readonly toSchema?: readonly string[]
  readonly toCollection?: readonly string[]
  readonly toFolder?: readonly string[]
  readonly replace?: true
  readonly disconnect?: true
  readonly skipOwners?: true
}

/** The options that say where a restore goes, when not to where the configuration says. */
export function addTargetOptions (command: Command): Command {
  return command.optionsGroup('Where to (else the targets of the configuration; `source=` only where several sources could be meant):')
    .option('--to-database <[source=]name>', 'another database of the same server; it is made', repeated)
    .option('--to-schema <from=to>', 'put what was in one schema into another', repeated)
    .option('--to-collection <from=to>', 'give a collection another name', repeated)
    .option('--to-folder <[source=]folder>', 'another folder for files or matrices', repeated)
    .option('--replace', 'replace what is there already')
    .option('--disconnect', 'throw out who is connected to a database that is replaced')
    .option('--skip-owners', 'leave out owners and grants of roles that do not exist there')
}

export function targetFlagsOf ({ toDatabase, toSchema, toCollection, toFolder }: TargetOptions): TargetFlags {
  return {
    ...(toDatabase !== undefined && { databases: toDatabase }), ...(toSchema !== undefined && { schemas: toSchema }),
    ...(toCollection !== undefined && { collections: toCollection }), ...(toFolder !== undefined && { folders: toFolder }),
  }
}

/** True if any of the options was given. */
export function namesTarget ({ toDatabase, toSchema, toCollection, toFolder }: TargetOptions): boolean {
  return [toDatabase, toSchema, toCollection, toFolder].some(value => value !== undefined)
}
