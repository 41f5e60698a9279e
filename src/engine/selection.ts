import { BackupError } from '../errors.ts'
import type { ArtifactKind } from '../sources/source.ts'
import type { Plain } from '../stream.ts'
import type { Selection } from './contract.ts'

/** What choosing needs to know of a node. */
export interface Selectable {
  readonly id: string
  readonly artifact: ArtifactKind
  readonly deps: readonly string[]
  readonly attributes: { readonly [key: string]: Plain }
}

/** pg_dump's types of objects that are parts of a table and come back with it. */
const PARTS_OF_A_TABLE = new Set([
  'ACL', 'CHECK CONSTRAINT', 'COMMENT', 'CONSTRAINT', 'DEFAULT', 'FK CONSTRAINT', 'INDEX', 'INDEX ATTACH', 'POLICY', 'ROW SECURITY',
  'RULE', 'SECURITY LABEL', 'SEQUENCE', 'SEQUENCE OWNED BY', 'STATISTICS', 'TABLE ATTACH', 'TRIGGER',
])

/**
 * The ids of the nodes that `selection` means: the named artifacts, the parts of the named tables (indexes, constraints, triggers, …) that
 * need no table which is not chosen, and, unless it says otherwise, all that they depend on.
 * @throws {BackupError} `SELECTION_EMPTY` naming what was asked for and is not in the snapshot
 */
export function selectNodes (nodes: ReadonlyMap<string, Selectable>, selection: Selection): ReadonlySet<string> {
  const chosen = new Set<string>()
  for (const { what, matches } of wishesOf(selection)) {
    const found = [...nodes.values()].filter(matches)
    if (found.length === 0) throw new BackupError('SELECTION_EMPTY', `the snapshot holds no ${what}`, { data: { what } })
    for (const node of found) chosen.add(node.id)
  }
  if (chosen.size === 0) throw new BackupError('SELECTION_EMPTY', 'a selective restore must name tables, collections, matrices, files or nodes')
  addDefinitions(nodes, chosen)
  const withDependencies = selection.withDependencies !== false
  if (withDependencies) addDeps(nodes, chosen)
  addParts(nodes, chosen, { withDependencies })
  return chosen
}

interface Wish {
  readonly what: string
  matches(node: Selectable): boolean
}

function wishesOf ({ tables = [], collections = [], matrices = [], files = [], nodes = [] }: Selection): Wish[] {
  return [
    ...tables.map(table => ({ what: `table ${table}`, matches: (node: Selectable) => node.artifact === 'pg.rows' && isTable(node, table) })),
    ...collections.map(name => ({ what: `collection ${name}`, matches: (node: Selectable) => node.attributes['collection'] === name })),
    ...matrices.map(name => ({ what: `matrix ${name}`, matches: (node: Selectable) => node.artifact === 'matrix' && node.attributes['name'] === name })),
    ...(files.length > 0 ? [{ what: 'stored files', matches: (node: Selectable) => node.artifact === 'files' }] : []),
    ...nodes.map(id => ({ what: `node ${id}`, matches: (node: Selectable) => node.id === id })),
  ]
}

function isTable ({ attributes }: Selectable, name: string): boolean {
  return name === `${String(attributes['schema'])}.${String(attributes['table'])}` || (attributes['schema'] === 'public' && name === attributes['table'])
}

/** Rows are of no use without the table that holds them: its definition comes along in any case. */
function addDefinitions (nodes: ReadonlyMap<string, Selectable>, chosen: Set<string>): void {
  for (const id of [...chosen]) {
    const node = nodes.get(id)
    if (node?.artifact !== 'pg.rows') continue
    for (const dep of node.deps) if (nodes.get(dep)?.attributes['type'] === 'TABLE') chosen.add(dep)
  }
}

function addDeps (nodes: ReadonlyMap<string, Selectable>, chosen: Set<string>, from: Iterable<string> = [...chosen]): void {
  const open = [...from]
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    for (const dep of nodes.get(id)?.deps ?? []) {
      if (chosen.has(dep)) continue
      chosen.add(dep)
      open.push(dep)
    }
  }
}

/**
 * Adds parts of chosen tables that touch no table which was not chosen; parts of parts follow in the next round. With dependencies, the types
 * and functions that a part needs come along; without, the target is expected to have them.
 */
function addParts (nodes: ReadonlyMap<string, Selectable>, chosen: Set<string>, { withDependencies }: { readonly withDependencies: boolean }): void {
  const parts = [...nodes.values()].filter(node => isPart(node) && !chosen.has(node.id))
  for (let added = true; added;) {
    added = false
    for (const part of parts) {
      const needed = needsAll(part) ? part.deps : part.deps.filter(dep => isTied(nodes.get(dep)))
      if (chosen.has(part.id) || needed.length === 0 || !needed.every(dep => chosen.has(dep))) continue
      chosen.add(part.id)
      if (withDependencies) addDeps(nodes, chosen, [part.id])
      added = true
    }
  }
}

/** The position of a sequence, and its owner, are of use only with the sequence. */
function needsAll ({ artifact, attributes }: Selectable): boolean {
  return artifact === 'pg.sequence' || attributes['type'] === 'SEQUENCE OWNED BY'
}

/** True for tables, their rows and their parts: what a part of one table may need of another. A sequence may stand alone. */
function isTied (node: Selectable | undefined): boolean {
  return node !== undefined && node.attributes['type'] !== 'SEQUENCE' && (node.artifact === 'pg.rows' || node.attributes['type'] === 'TABLE' || isPart(node))
}

function isPart ({ artifact, attributes }: Selectable): boolean {
  return artifact === 'pg.sequence' || (artifact === 'pg.object' && PARTS_OF_A_TABLE.has(String(attributes['type'])))
}
