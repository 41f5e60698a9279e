import * as v from 'valibot'
import { fits, hexDigits, problemOf } from '../shape.ts'
import type { Shape, Shaped } from '../shape.ts'
import type { StorageBackend } from '../storage/storage-backend.ts'
import type { AbortOptions } from '../stream.ts'
import { corrupt, decodeRecord, encodeRecord } from './record.ts'
import type { Members } from './record.ts'

const Id = hexDigits(32)
const Time = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/))
const Size = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16 * 1024 * 1024))

export const ConfigRecord = v.object({
  id: Id,
  created: Time,
  seed: Id,
  chunker: v.object({ min: Size, average: Size, max: Size }),
  abilities: v.object({ createIfAbsent: v.boolean() }),
  sealing: v.picklist(['none', 'sealed']),
  /** Only when it is sealed: id of the first sealing key. */
  key: v.exactOptional(Id),
})

export const SessionRecord = v.object({
  kind: v.picklist(['write', 'read']),
  host: v.string(),
  pid: v.pipe(v.number(), v.integer()),
  started: Time,
  leaseUntil: Time,
  snapshots: v.array(Id),
})

export const CommitRecord = v.object({
  outcome: v.literal('commit'),
  time: Time,
  root: v.pipe(v.string(), v.nonEmpty()),
  project: v.exactOptional(v.string()),
  consensus: v.boolean(),
  validatedBy: v.array(v.string()),
  statements: v.array(v.unknown()),
})

/** In a sealed repository; see {@link CommitSeal}. */
export const SealedCommitRecord = v.object({
  outcome: v.literal('commit'),
  time: Time,
  sealed: v.pipe(v.string(), v.nonEmpty()),
})

export const OutcomeRecord = v.union([
  CommitRecord,
  SealedCommitRecord,
  v.object({ outcome: v.picklist(['closed', 'revoked']), time: Time }),
])

export const ForgottenRecord = v.object({ time: Time })
export const PlanRecord = v.object({ time: Time, host: v.string(), packs: v.array(Id) })
/** `segments`: index segments that may go as well, because others cover what they list. */
export const FinalRecord = v.object({ time: Time, delete: v.array(Id), segments: v.exactOptional(v.array(Id)) })
/** `packs`: when each was last read whole and intact; `run`: when a reading of all packs began that is not finished. */
export const VerifiedRecord = v.object({ run: v.exactOptional(Time), packs: v.record(Id, Time) })

export type ConfigRecord = Shaped<typeof ConfigRecord>
export type SessionRecord = Shaped<typeof SessionRecord>
export type CommitRecord = Shaped<typeof CommitRecord>
export type SealedCommitRecord = Shaped<typeof SealedCommitRecord>
export type OutcomeRecord = Shaped<typeof OutcomeRecord>
export type PlanRecord = Shaped<typeof PlanRecord>
export type FinalRecord = Shaped<typeof FinalRecord>
export type VerifiedRecord = Shaped<typeof VerifiedRecord>

/**
 * The record under `key`, or undefined if there is none.
 * @throws {BackupError} `RECORD_CORRUPT` also when members are missing or of the wrong type; `FORMAT_UNKNOWN`; `STORAGE_…`
 */
export async function readRecord<S extends Shape> (backend: Pick<StorageBackend, 'get'>, key: string, shape: S, options?: AbortOptions): Promise<Shaped<S> | undefined> {
  const bytes = await backend.get(key, options)
  if (bytes === undefined) return undefined
  const members: unknown = decodeRecord(key, bytes)
  if (fits(shape, members)) return members
  const { path, text } = problemOf(shape, members)!
  throw corrupt(key, `${path.length === 0 ? 'it' : path.join('.')} ${text}`)
}

/** Writes a record; replaces what is there. */
export async function writeRecord (backend: Pick<StorageBackend, 'put'>, key: string, members: Members, options?: AbortOptions): Promise<void> {
  await backend.put(key, encodeRecord(members), options)
}

/** Writes a record unless there is one; false if there was. */
export async function createRecord (backend: Pick<StorageBackend, 'put'>, key: string, members: Members, options?: AbortOptions): Promise<boolean> {
  return await backend.put(key, encodeRecord(members), { ...options, whenPresent: 'keep' })
}
