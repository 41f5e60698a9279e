import type pg from 'pg'
import type { RestoreItem } from '../source.ts'
import { runStatements } from './restore-sql.ts'
import { statementsFor } from './restore-statements.ts'
import type { StatementContext } from './restore-statements.ts'

export interface ObjectOptions extends StatementContext {
  readonly onItem: (item: RestoreItem) => void
}

/** Makes the objects one after the other. @throws {BackupError} `TARGET_FAILED` naming the one that failed */
export async function restoreObjects (client: pg.Client, items: readonly RestoreItem[], options: ObjectOptions): Promise<void> {
  for (const item of items) {
    options.signal?.throwIfAborted()
    await runStatements(client, item, await statementsFor(item, options))
    options.onItem(item)
  }
}

/** Items that are made one after the other. */
export interface Chain {
  readonly items: readonly RestoreItem[]
  /** The tables (and materialized views) that it is about. */
  readonly tables: readonly string[]
  /** True when it locks these against everybody; an index is made beside others. */
  readonly locks: boolean
}

/** Of what several may be made side by side, as long as they are about different tables; null: of nothing. */
type RunKind = 'indexes' | 'foreign keys' | null

/** Chains that may run side by side as far as they lock no table in common. */
export interface Batch {
  readonly kind: RunKind
  readonly chains: readonly Chain[]
}

/**
 * What is added to filled tables, in batches of which one follows the other. Within a run of indexes and keys (with their comments)
 * there is a chain for the keys of each table, which would only wait for each other's locks, and one for each index and for each foreign key.
 */
export function batchesOf (items: readonly RestoreItem[]): Batch[] {
  const batches: Batch[] = []
  let run = new Run(null)
  for (const item of items) {
    const kind = run.isAbout(item) ? run.kind : kindOf(item)
    if (kind === null || kind !== run.kind) {
      if (run.chains.length > 0) batches.push(run)
      run = new Run(kind)
    }
    run.add(item)
  }
  return run.chains.length > 0 ? [...batches, run] : batches
}

function kindOf ({ attributes, deps }: RestoreItem): RunKind {
  if (attributes['type'] === 'FK CONSTRAINT') return 'foreign keys'
  return (attributes['type'] === 'INDEX' || attributes['type'] === 'CONSTRAINT') && tablesIn(deps).length === 1 ? 'indexes' : null
}

/** Neighbouring items of one kind. */
class Run implements Batch {
  readonly kind: RunKind
  readonly #chains = new Map<string, Chain & { readonly items: RestoreItem[] }>()
  /** An item's id → that of its chain. */
  readonly #chainOf = new Map<string, string>()

  constructor (kind: RunKind) {
    this.kind = kind
  }

  get chains (): Chain[] {
    return [...this.#chains.values()]
  }

  isAbout ({ attributes }: RestoreItem): boolean {
    return this.#chainOf.has(String(attributes['of']))
  }

  add (item: RestoreItem): void {
    const tables = tablesIn(item.deps)
    const { of, type } = item.attributes
    const name = this.#chainOf.get(String(of)) ?? (type === 'CONSTRAINT' && this.kind === 'indexes' ? tables[0]! : item.id)
    const chain = this.#chains.get(name)
    if (chain === undefined) this.#chains.set(name, { items: [item], tables, locks: this.kind !== null && type !== 'INDEX' })
    else chain.items.push(item)
    this.#chainOf.set(item.id, name)
  }
}

function tablesIn (deps: readonly string[]): string[] {
  return deps.filter(dep => /\/object\/(?:TABLE|MATERIALIZED VIEW) /.test(dep))
}
