import type { RestoreItem } from '../source.ts'
import { isAboutOwners } from './restore-blobs.ts'

/** The items of one restore in the groups and the order in which they come back. */
export interface RestoreStages {
  readonly database: RestoreItem | undefined
  /** Schemas, types, functions, tables, views: what rows need. */
  readonly definitions: readonly RestoreItem[]
  readonly rows: readonly RestoreItem[]
  /** Large objects, and who owns them. */
  readonly blobs: readonly RestoreItem[]
  readonly blobOwners: readonly RestoreItem[]
  readonly sequences: readonly RestoreItem[]
  /** Indexes, constraints, triggers, rules, policies: what is better made when the rows are there. */
  readonly additions: readonly RestoreItem[]
  /** Rights: last, because they may take away what building needs, and default rights would leak into what is built. */
  readonly rights: readonly RestoreItem[]
  readonly refreshes: readonly RestoreItem[]
  /** Would fire while everything else is built. */
  readonly eventTriggers: readonly RestoreItem[]
}

const RIGHTS = new Set(['ACL', 'DEFAULT ACL'])

/**
 * @param items in topological order
 * @param order ids of objects in pg_dump's order, which also unties knots that no order of whole objects could; empty if unknown
 */
export function stagesOf (items: readonly RestoreItem[], order: readonly string[]): RestoreStages {
  const objects = inOrder(items.filter(item => item.kind === 'pg.object'), order)
  const stage = (name: ObjectStage): RestoreItem[] => objects.filter(item => objectStage(item) === name)
  const blobs = items.filter(item => item.kind === 'pg.blobs')
  return {
    database: items.find(item => item.kind === 'pg.database'),
    definitions: stage('definitions'),
    rows: items.filter(item => item.kind === 'pg.rows'),
    blobs: blobs.filter(item => !isAboutOwners(item)),
    blobOwners: blobs.filter(isAboutOwners),
    sequences: items.filter(item => item.kind === 'pg.sequence'),
    additions: stage('additions'),
    rights: stage('rights'),
    refreshes: items.filter(item => item.kind === 'pg.refresh'),
    eventTriggers: stage('eventTriggers'),
  }
}

type ObjectStage = 'definitions' | 'additions' | 'rights' | 'eventTriggers'

function objectStage ({ id, attributes }: RestoreItem): ObjectStage {
  const { type, section } = attributes
  if (RIGHTS.has(String(type))) return 'rights'
  if (type === 'EVENT TRIGGER' || String(attributes['of'] ?? id).includes('/object/EVENT TRIGGER ')) return 'eventTriggers'
  return section === 'post-data' ? 'additions' : 'definitions'
}

/** What `order` does not know comes last, in the order it has. */
function inOrder (items: readonly RestoreItem[], order: readonly string[]): RestoreItem[] {
  if (order.length === 0) return [...items]
  const place = new Map(order.map((id, index) => [id, index]))
  const placeOf = ({ id }: RestoreItem): number => place.get(id) ?? order.length
  return [...items].sort((a, b) => placeOf(a) - placeOf(b))
}
