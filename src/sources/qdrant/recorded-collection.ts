import { BackupError } from '../../errors.ts'
import type { Plain } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'

/** What a capture recorded about a collection, as the attributes of its item hold it. */
export interface RecordedCollection {
  readonly collection: string
  readonly serverVersion: string
  /** The fewest and the most points that the snapshot may hold: different only if it was written while it was captured. */
  readonly points: readonly [number, number]
  readonly config: Plain
  readonly aliases: readonly string[]
  readonly pointsDigest: string | undefined
}

/** @throws {BackupError} `NODE_INVALID` when the attributes are not those of a collection */
export function recordedCollection ({ id, kind, attributes }: Pick<RestoreItem, 'id' | 'kind' | 'attributes'>): RecordedCollection {
  const { collection, serverVersion, points, pointsAfter = points, config, aliases, pointsDigest } = attributes
  const isValid = kind === 'qdrant.collection' && typeof collection === 'string' && typeof serverVersion === 'string' && typeof points === 'number' &&
    typeof pointsAfter === 'number' && isTextList(aliases) && (pointsDigest === undefined || typeof pointsDigest === 'string')
  if (!isValid) throw new BackupError('NODE_INVALID', `${id} does not describe a Qdrant collection`, { data: { id, kind } })
  return { collection, serverVersion, points: [Math.min(points, pointsAfter), Math.max(points, pointsAfter)], config: config ?? null, aliases, pointsDigest }
}

function isTextList (value: Plain | undefined): value is readonly string[] {
  return Array.isArray(value) && value.every(member => typeof member === 'string')
}
