import Type from 'typebox'
import type { Static, TSchema } from 'typebox'
import Value from 'typebox/value'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { corrupt, decodeRecord, encodeRecord } from './record.ts'
import type { Members } from './record.ts'

const Id = Type.String({ pattern: '^[0-9a-f]{32}$' })
const Time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d' })
const Size = Type.Integer({ minimum: 1, maximum: 16 * 1024 * 1024 })

export const ConfigRecord = Type.Object({
  id: Id,
  created: Time,
  seed: Id,
  chunker: Type.Object({ min: Size, average: Size, max: Size }),
  abilities: Type.Object({ createIfAbsent: Type.Boolean() }),
  sealing: Type.Union([Type.Literal('none'), Type.Literal('sealed')]),
  /** Only when it is sealed: id of the first sealing key. */
  key: Type.Optional(Id),
})

export const SessionRecord = Type.Object({
  kind: Type.Union([Type.Literal('write'), Type.Literal('read')]),
  host: Type.String(),
  pid: Type.Integer(),
  started: Time,
  leaseUntil: Time,
  snapshots: Type.Array(Id),
})

export const CommitRecord = Type.Object({
  outcome: Type.Literal('commit'),
  time: Time,
  root: Type.String({ minLength: 1 }),
  project: Type.Optional(Type.String()),
  consensus: Type.Boolean(),
  validatedBy: Type.Array(Type.String()),
  statements: Type.Array(Type.Unknown()),
})

/** In a sealed repository; see {@link CommitSeal}. */
export const SealedCommitRecord = Type.Object({
  outcome: Type.Literal('commit'),
  time: Time,
  sealed: Type.String({ minLength: 1 }),
})

export const OutcomeRecord = Type.Union([
  CommitRecord,
  SealedCommitRecord,
  Type.Object({ outcome: Type.Union([Type.Literal('closed'), Type.Literal('revoked')]), time: Time }),
])

export const ForgottenRecord = Type.Object({ time: Time })
export const PlanRecord = Type.Object({ time: Time, host: Type.String(), packs: Type.Array(Id) })
/** `segments`: index segments that may go as well, because others cover what they list. */
export const FinalRecord = Type.Object({ time: Time, delete: Type.Array(Id), segments: Type.Optional(Type.Array(Id)) })
/** `packs`: when each was last read whole and intact; `run`: when a reading of all packs began that is not finished. */
export const VerifiedRecord = Type.Object({ run: Type.Optional(Time), packs: Type.Record(Id, Time) })

export type ConfigRecord = Static<typeof ConfigRecord>
export type SessionRecord = Static<typeof SessionRecord>
export type CommitRecord = Static<typeof CommitRecord>
export type SealedCommitRecord = Static<typeof SealedCommitRecord>
export type OutcomeRecord = Static<typeof OutcomeRecord>
export type PlanRecord = Static<typeof PlanRecord>
export type FinalRecord = Static<typeof FinalRecord>
export type VerifiedRecord = Static<typeof VerifiedRecord>

/**
 * The record under `key`, or undefined if there is none.
 * @throws {BackupError} `RECORD_CORRUPT` also when members are missing or of the wrong type; `FORMAT_UNKNOWN`; `STORAGE_…`
 */
export async function readRecord<T extends TSchema> (
  backend: Pick<StorageBackend, 'get'>, key: string, schema: T, options?: AbortOptions
): Promise<Static<T> | undefined> {
  const bytes = await backend.get(key, options)
  if (bytes === undefined) return undefined
  const members: unknown = decodeRecord(key, bytes)
  if (!Value.Check(schema, members)) {
    const [first] = Value.Errors(schema, members)
    throw corrupt(key, `${first?.instancePath ?? '/'} ${first?.message ?? 'is not as it should be'}`)
  }
  return members
}

/** Writes a record; replaces what is there. */
export async function writeRecord (backend: Pick<StorageBackend, 'put'>, key: string, members: Members, options?: AbortOptions): Promise<void> {
  await backend.put(key, encodeRecord(members), options)
}

/** Writes a record unless there is one; false if there was. */
export async function createRecord (backend: Pick<StorageBackend, 'put'>, key: string, members: Members, options?: AbortOptions): Promise<boolean> {
  return await backend.put(key, encodeRecord(members), { ...options, whenPresent: 'keep' })
}
