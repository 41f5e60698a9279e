import type { Plain } from '../../stream.ts'
import type { CaptureSummary } from '../source.ts'
import { whyUnsure } from './parent-guard.ts'
import type { PresentFacts } from './parent-guard.ts'
import type { TableIdentity } from './table-identity.ts'

/** Another version of what is recorded, or of the text of values, is no base. */
const VERSION = 2
/** So many tables of a note are named. */
const NAMED = 10

export interface TableReadsOptions extends PresentFacts {
  readonly previous: CaptureSummary | undefined
  /** Tables that have a key and are captured whole, by the ids of their rows; the others are no affair of this. */
  readonly tables: ReadonlyMap<string, TableIdentity>
  /** Every so many captures a table is read in full. */
  readonly fullReadEvery: number
  /** How many connections can read at once. */
  readonly readers: number
}

/** oid, file and shape of a table, how many incremental reads lie between it and a full one, and how many deletions the server had counted */
type RecordedTable = readonly [oid: string, file: string, shape: string, incrementals: number, deletions: string]

/**
 * Of which tables a capture reads only what changed, and what the next capture must know to do so.
 * A visible row version whose xmin precedes the xmin of the parent's snapshot was visible there, and nobody has written to it since.
 */
export class TableReads {
  readonly #tables: ReadonlyMap<string, TableIdentity>
  readonly #before: ReadonlyMap<string, RecordedTable>
  readonly #since: string
  /** id → why it is read in full; undefined when it is not */
  readonly #reasons: ReadonlyMap<string, string | undefined>
  /** id → how it was read */
  readonly #read = new Map<string, 'full' | 'changes' | 'full-after-changes'>()

  constructor ({ previous, tables, fullReadEvery, readers, ...present }: TableReadsOptions) {
    const recorded = recordedReads(previous)
    const unsure = previous === undefined ? undefined
      : typeof recorded === 'string' ? recorded
      : readers < 2 ? 'reading what changed needs three connections'
      : whyUnsure(previous, present)
    this.#tables = tables
    this.#before = typeof recorded === 'string' ? new Map() : recorded
    this.#since = String(BigInt.asUintN(32, BigInt(String(previous?.facts['snapshotXmin'] ?? 0))))
    this.#reasons = new Map([...tables].map(([id, table]) => [id, previous === undefined ? FIRST : unsure ?? whyInFull(table, this.#before.get(id), fullReadEvery)]))
  }

  /** The xid, in 32 bits, from which on rows may be new; undefined when the table has to be read in full. */
  sinceOf (id: string): string | undefined {
    return this.#reasons.has(id) && this.#reasons.get(id) === undefined ? this.#since : undefined
  }

  /** True if rows were probably deleted since. */
  expectsDeletions (id: string): boolean {
    return this.#tables.get(id)?.deletions !== this.#before.get(id)?.[4]
  }

  /** Takes note of a table's being read. */
  beginRead (id: string, how: 'full' | 'changes'): void {
    this.#read.set(id, how === 'full' && this.#read.get(id) === 'changes' ? 'full-after-changes' : how)
  }

  /**
   * What the next capture gets to see, about the tables that were read.
   * @param isBase false when the server may still lose the transactions that this capture saw end
   */
  facts (isBase: boolean): Plain {
    const tables = [...this.#read].flatMap(([id, how]) => {
      const table = this.#tables.get(id)
      const incrementals = how === 'changes' ? (this.#before.get(id)?.[3] ?? 0) + 1 : 0
      return table === undefined ? [] : [[id, [table.oid, table.file, table.shape, incrementals, table.deletions]] as const]
    })
    return { version: VERSION, base: isBase, tables: Object.fromEntries(tables) }
  }

  /** Which tables were read in full, and why. */
  notes (): string[] {
    const full = [...this.#read].toSorted(([a], [b]) => a < b ? -1 : 1).flatMap(([id, how]) => {
      if (!this.#tables.has(id)) return []
      const why = how === 'full-after-changes' ? 'what changed did not fit the rows of the snapshot before' : this.#reasons.get(id) ?? (how === 'full' ? 'the snapshot before does not hold it in this layout' : FIRST)
      return how === 'changes' || why === FIRST ? [] : [{ id, why }]
    })
    return [...Map.groupBy(full, ({ why }) => why)].map(([why, group]) => `read in full, because ${why}: ${named(group.map(({ id }) => id))}`)
  }
}

/** Nobody needs to be told why the first read is a full one. */
const FIRST = 'there is no snapshot before'

function whyInFull ({ oid, file, shape, isHeap, volatileTypes }: TableIdentity, before: RecordedTable | undefined, fullReadEvery: number): string | undefined {
  if (before === undefined) return FIRST
  if (before[0] !== oid) return 'it is another table of that name'
  if (before[1] !== file) return 'the table was rewritten or truncated'
  if (before[2] !== shape) return 'its columns, their types, or the extensions changed'
  if (!isHeap) return 'it is not kept as a heap'
  if (volatileTypes.length > 0) return `the text of its ${volatileTypes.join(', ')} values can change without them`
  if (before[3] + 1 >= fullReadEvery) return `every ${fullReadEvery} snapshots one is`
  return undefined
}

/** The tables by the ids of their rows, or why that capture is no base. */
function recordedReads (previous: CaptureSummary | undefined): ReadonlyMap<string, RecordedTable> | string {
  const reads = previous?.facts['reads']
  if (!isRecord(reads) || reads['version'] !== VERSION || !isRecord(reads['tables'])) return 'the snapshot before did not record what that needs'
  if (reads['base'] !== true) return 'the server might have lost transactions that the snapshot before saw'
  return new Map(Object.entries(reads['tables']).flatMap(([id, table]) => isRecordedTable(table) ? [[id, table]] : []))
}

function isRecordedTable (value: unknown): value is RecordedTable {
  return Array.isArray(value) && value.length === 5 && [0, 1, 2, 4].every(index => typeof value[index] === 'string') && Number.isSafeInteger(value[3]) && (value[3] as number) >= 0
}

function isRecord (value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function named (ids: readonly string[]): string {
  return ids.length > NAMED ? `${ids.slice(0, NAMED).join(', ')} and ${ids.length - NAMED} more` : ids.join(', ')
}
