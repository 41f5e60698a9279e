import { hash } from 'node:crypto'
import Type from 'typebox'
import type { Static } from 'typebox'
import Value from 'typebox/value'
import { BackupError } from '../../errors.ts'

const Id = Type.String({ pattern: '^[0-9a-f]{32}$' })
const Text = Type.String()
const Count = Type.Integer({ minimum: 0 })
const Texts = Type.Array(Text)

/** What can be said of an act, by kind (docs/format.md, "Log"). */
const Acts = Type.Union([
  Type.Object({ kind: Type.Literal('created'), repository: Id }),
  Type.Object({ kind: Type.Literal('adopted'), snapshots: Type.Array(Type.Object({ id: Id, root: Text, forgotten: Type.Optional(Type.Literal(true)) })) }),
  Type.Object({ kind: Type.Literal('snapshot'), snapshot: Id, root: Text, project: Text, parents: Texts }),
  Type.Object({ kind: Type.Literal('committed'), snapshot: Id, root: Text, validatedBy: Texts }),
  Type.Object({ kind: Type.Literal('abandoned'), snapshot: Id }),
  Type.Object({ kind: Type.Literal('forgotten'), snapshot: Id }),
  Type.Object({ kind: Type.Literal('restored'), snapshot: Id, targets: Texts }),
  Type.Object({ kind: Type.Literal('collected'), packs: Count, freedBytes: Count }),
  Type.Object({ kind: Type.Literal('exported'), snapshot: Id, root: Text }),
  Type.Object({
    kind: Type.Literal('key'), act: Type.Union([Type.Literal('add'), Type.Literal('remove'), Type.Literal('rotate')]),
    slot: Type.Optional(Text), generation: Type.Optional(Type.Integer({ minimum: 1 })), label: Type.Optional(Text),
  }),
])

const Common = Type.Object({
  v: Type.Literal(1),
  time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d' }),
  traceId: Text,
  /** 32 random bytes, in hex: so that the leaf tells nothing. */
  blind: Type.String({ pattern: '^[0-9a-f]{64}$' }),
})

/** What was done. */
export type Act = Static<typeof Acts>
export type ActKind = Act['kind']
/** What a leaf of the log says: an act, when, and within which operation. */
export type Opening = Act & Static<typeof Common>

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
  if (!Value.Check(Common, value)) throw corrupt(Value.Errors(Common, value)[0])
  if (!Value.Check(Acts, value)) throw corrupt(Value.Errors(Acts, value)[0])
  return value
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

function corrupt (error: { readonly instancePath: string, readonly message: string } | undefined): BackupError {
  return new BackupError('LOG_CORRUPT', `an opening is not as it should be: ${error?.instancePath ?? ''} ${error?.message ?? ''}`)
}
