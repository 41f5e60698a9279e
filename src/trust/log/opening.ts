import { hash } from 'node:crypto'
import * as v from 'valibot'
import { BackupError } from '../../errors.ts'
import { fits, hexDigits, problemOf, whole } from '../../shape.ts'
import type { ShapeProblem, Shaped } from '../../shape.ts'

const Id = hexDigits(32)
const Text = v.string()
const Texts = v.array(Text)

/** What can be said of an act, by kind (docs/format.md, "Log"). */
const Acts = v.variant('kind', [
  v.object({ kind: v.literal('created'), repository: Id }),
  v.object({ kind: v.literal('adopted'), snapshots: v.array(v.object({ id: Id, root: Text, forgotten: v.exactOptional(v.literal(true)) })) }),
  v.object({ kind: v.literal('snapshot'), snapshot: Id, root: Text, project: Text, parents: Texts }),
  v.object({ kind: v.literal('committed'), snapshot: Id, root: Text, validatedBy: Texts }),
  v.object({ kind: v.literal('abandoned'), snapshot: Id }),
  v.object({ kind: v.literal('forgotten'), snapshot: Id }),
  v.object({ kind: v.literal('restored'), snapshot: Id, targets: Texts }),
  v.object({ kind: v.literal('collected'), packs: whole, freedBytes: whole }),
  v.object({ kind: v.literal('exported'), snapshot: Id, root: Text }),
  v.object({
    kind: v.literal('key'), act: v.picklist(['add', 'remove', 'rotate']),
    slot: v.exactOptional(Text), generation: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))), label: v.exactOptional(Text),
  }),
])

const Common = v.object({
  v: v.literal(1),
  time: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/)),
  traceId: Text,
  /** 32 random bytes, in hex: so that the leaf tells nothing. */
  blind: hexDigits(64),
})

/** What was done. */
export type Act = Shaped<typeof Acts>
export type ActKind = Act['kind']
/** What a leaf of the log says: an act, when, and within which operation. */
export type Opening = Act & Shaped<typeof Common>

export interface OpeningFacts {
  /** ISO 8601. */
  readonly time: string
  readonly traceId: string
  /** 32 random bytes. */
  readonly blind: Uint8Array
}

/** The bytes that a leaf commits to. */
export function encodeOpening ({ kind, ...members }: Act, { time, traceId, blind }: OpeningFacts): Uint8Array {
  return Buffer.from(JSON.stringify({ v: 1, kind, time, traceId, blind: Buffer.from(blind).toString('hex'), ...members }))
}

/** Reads an opening; members that it does not know are kept. @throws {BackupError} `LOG_CORRUPT`, `FORMAT_UNKNOWN` */
export function decodeOpening (bytes: Uint8Array): Opening {
  const value = parse(bytes)
  const { v } = value
  if (typeof v === 'number' && v > 1) throw new BackupError('FORMAT_UNKNOWN', `a leaf of the log has version ${v}, this program reads 1; use a newer one`, { data: { v } })
  if (fits(Common, value) && fits(Acts, value)) return value
  throw corrupt((problemOf(Common, value) ?? problemOf(Acts, value))!)
}

/** The leaf for an opening: 32 bytes that say nothing of it. */
export function leafOfOpening (opening: Uint8Array): Uint8Array {
  return hash('sha256', Buffer.concat([Buffer.from('caf/leaf/1'), opening]), 'buffer')
}

function parse (bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    throw new BackupError('LOG_CORRUPT', 'an opening is not JSON', { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BackupError('LOG_CORRUPT', 'an opening is not an object')
  return value as Record<string, unknown>
}

function corrupt ({ path, text }: ShapeProblem): BackupError {
  return new BackupError('LOG_CORRUPT', `an opening is not as it should be: ${path.join('.')} ${text}`)
}
