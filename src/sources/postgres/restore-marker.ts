import type { Plain } from '../../stream.ts'

/** What a database carries in its comment while a restore owns it. */
export interface RestoreMarker {
  /** The restore's identity; only a restorer with the same one touches the database. */
  readonly owner: string
  /** `preparing`: being filled. `ready`: complete and verified. `replaced`: the one that had the name before. */
  readonly state: 'preparing' | 'ready' | 'replaced'
  /** The comment it shall have once it is visible, or (`replaced`) had before. */
  readonly comment: string | null
}

const PREFIX = 'caf restore '
const STATES = ['preparing', 'ready', 'replaced'] as const

/** The same for every process that restores the source `name` into `database`, and for nobody else. */
export function restoreIdentity (name: string, database: string): string {
  return `${name} -> ${database}`
}

export function encodeMarker ({ owner, state, comment }: RestoreMarker): string {
  return PREFIX + JSON.stringify({ owner, state, comment })
}

/** Undefined when the comment is somebody else's. */
export function decodeMarker (comment: string | null): RestoreMarker | undefined {
  if (comment === null || !comment.startsWith(PREFIX)) return undefined
  const members = parsed(comment.slice(PREFIX.length))
  const state = STATES.find(known => known === members['state'])
  const { owner, comment: kept } = members
  if (state === undefined || typeof owner !== 'string') return undefined
  return { owner, state, comment: typeof kept === 'string' ? kept : null }
}

/** The comment that users see, or will see when the restore is over. */
export function visibleComment (comment: string | null): string | null {
  const marker = decodeMarker(comment)
  return marker === undefined ? comment : marker.comment
}

function parsed (text: string): { readonly [key: string]: Plain } {
  try {
    const value = JSON.parse(text) as Plain
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as { readonly [key: string]: Plain } : {}
  } catch {
    return {}
  }
}
