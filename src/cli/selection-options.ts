import type { Command } from 'commander'
import type { Selection } from '../engine/contract.ts'
import { repeated } from './option-values.ts'

export interface SelectionOptions {
  readonly table?: readonly string[]
  readonly collection?: readonly string[]
  readonly matrix?: readonly string[]
  readonly file?: readonly string[]
  readonly node?: readonly string[]
  /** False with `--no-deps`. */
  readonly deps: boolean
}

/** The options that choose a part of a snapshot; each may be repeated, and they add up. */
export function addSelectionOptions (command: Command): Command {
  return command.optionsGroup('Which part (all of it without any of these; each may be repeated):')
    .option('--table <table>', 'a table, with its indexes, constraints and triggers', repeated)
    .option('--collection <collection>', 'a Qdrant collection', repeated)
    .option('--matrix <matrix>', 'a matrix', repeated)
    .option('--file <path>', 'a stored file, or a folder with all that it holds', repeated)
    .option('--node <id>', 'a node by its id, as `caf ls` shows it', repeated)
    .option('--no-deps', 'without what the chosen depends on')
}

/** The chosen part, or undefined for all. */
export function selectionOf ({ table, collection, matrix, file, node, deps }: SelectionOptions): Selection | undefined {
  const parts = Object.entries({ tables: table, collections: collection, matrices: matrix, files: file, nodes: node }).filter(([, values]) => values !== undefined)
  return parts.length === 0 ? undefined : { ...Object.fromEntries(parts), ...(!deps && { withDependencies: false }) }
}
