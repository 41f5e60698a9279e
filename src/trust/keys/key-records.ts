import * as v from 'valibot'
import { isBackupError } from '../../errors.ts'
import type { BackupError } from '../../errors.ts'
import { encodeRecord } from '../../cas/record.ts'
import type { Members } from '../../cas/record.ts'
import { createRecord, readRecord } from '../../cas/records.ts'
import { hexDigits } from '../../shape.ts'
import type { Shaped } from '../../shape.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'

export const KEYS_PREFIX = 'keys/'

const GENERATION_KEY = /^keys\/g(\d{4})$/
const CHANGE_KEY = /^keys\/g(\d{4})\.(\d{4,})$/
const SLOT_KEY = /^keys\/([0-9a-f]{32})$/

const Text = v.pipe(v.string(), v.nonEmpty())
const Mac = hexDigits(64)
const AgeFile = v.pipe(v.string(), v.maxLength(65_536), v.regex(/^[A-Za-z0-9+/]+={0,2}$/))

/** A generation of the repository's key. Written once all slots that open it are. */
export const GenerationRecord = v.object({
  kind: v.literal('generation'),
  created: Text,
  generation: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9999)),
  recipient: Text,
  keyId: hexDigits(32),
  key: AgeFile,
  previous: v.exactOptional(AgeFile),
  log: AgeFile,
  mac: Mac,
})

/** A slot: the identity of a generation, wrapped for who may open it. */
export const SlotRecord = v.object({
  kind: v.picklist(['secret', 'recipient']),
  created: Text,
  label: Text,
  generation: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9999)),
  opens: Text,
  recipient: v.exactOptional(Text),
  file: AgeFile,
  mac: Mac,
})

/** What was done to the slots of a generation; `rotate` closes it. The numbers make one order of changes. */
export const ChangeRecord = v.object({
  kind: v.literal('change'),
  created: Text,
  act: v.picklist(['add', 'remove', 'rotate']),
  slot: v.exactOptional(hexDigits(32)),
  label: v.exactOptional(Text),
})

const SignerRecord = v.object({ kind: v.literal('signer') })

export type GenerationRecord = Shaped<typeof GenerationRecord>
export type SlotRecord = Shaped<typeof SlotRecord>
export type ChangeRecord = Shaped<typeof ChangeRecord>

export interface Slot extends SlotRecord {
  /** 32 hex digits. */
  readonly id: string
}

export interface Change extends ChangeRecord {
  readonly generation: number
  /** From 1, in each generation. */
  readonly number: number
}

/** What stands in `keys/`, as it was when it was listed. */
export interface KeyRecords {
  /** In ascending order; those that are damaged are only in `damaged`. */
  readonly generations: readonly GenerationRecord[]
  readonly slots: readonly Slot[]
  readonly changes: readonly Change[]
  /** The number of the newest generation, readable or not; 0 without any. */
  readonly newest: number
  /** Errors of records that could not be read, by their keys. */
  readonly damaged: ReadonlyMap<string, BackupError>
  /** The bytes of the generations and slots, for the headers of packs. */
  readonly files: readonly Uint8Array[]
}

export function generationKey (generation: number): string {
  return `${KEYS_PREFIX}g${digits(generation)}`
}

export function changeKey (generation: number, number: number): string {
  return `${generationKey(generation)}.${digits(number)}`
}

export function slotKey (id: string): string {
  return `${KEYS_PREFIX}${id}`
}

/** The number of the next change to the slots of a generation. */
export function nextChange ({ changes, damaged }: KeyRecords, generation: number): number {
  const lost = [...damaged.keys()].map(key => CHANGE_KEY.exec(key)).filter(parts => Number(parts?.[1]) === generation).map(parts => Number(parts?.[2]))
  return Math.max(0, ...lost, ...changes.filter(change => change.generation === generation).map(({ number }) => number)) + 1
}

/**
 * Writes a record unless there is one; false if another one has the place. A storage that repeats what it got no answer to may find its own record there: that is no
 * other one.
 */
export async function claimRecord (backend: Pick<StorageBackend, 'get' | 'put'>, key: string, members: Members, options?: AbortOptions): Promise<boolean> {
  if (await createRecord(backend, key, members, options)) return true
  const stored = await backend.get(key, options)
  return stored !== undefined && Buffer.compare(stored, encodeRecord(members)) === 0
}

/** Reads what stands in `keys/`. A damaged record stops no other. @throws {BackupError} `FORMAT_UNKNOWN`, `STORAGE_…` */
export async function readKeyRecords (backend: Pick<StorageBackend, 'get' | 'list'>, { signal }: AbortOptions = {}): Promise<KeyRecords> {
  const keys = (await Array.fromAsync(backend.list(KEYS_PREFIX, { signal }))).map(({ key }) => key)
  const damaged = new Map<string, BackupError>()
  const files: Uint8Array[] = []
  const keeping: Pick<StorageBackend, 'get'> = {
    async get (key, options) {
      const bytes = await backend.get(key, options)
      if (bytes !== undefined) files.push(bytes)
      return bytes
    },
  }
  const readAll = async <T> (pattern: RegExp, read: (key: string, parts: string[]) => Promise<T | undefined>): Promise<T[]> => {
    const found: T[] = []
    for (const key of keys) {
      const [, ...parts] = pattern.exec(key) ?? []
      const record = parts.length === 0 ? undefined : await read(key, parts).catch((error: unknown) => { setAside(damaged, key, error) })
      if (record !== undefined) found.push(record)
    }
    return found
  }
  return {
    generations: await readAll(GENERATION_KEY, async key => await readRecord(keeping, key, GenerationRecord, { signal })),
    slots: await readAll(SLOT_KEY, async (key, [id = '']) => await readSlot(keeping, key, id, { signal })),
    changes: await readAll(CHANGE_KEY, async (key, [generation, number]) => {
      const record = await readRecord(backend, key, ChangeRecord, { signal })
      return record && { ...record, generation: Number(generation), number: Number(number) }
    }),
    newest: Math.max(0, ...keys.map(key => Number(GENERATION_KEY.exec(key)?.[1] ?? 0))),
    damaged, files,
  }
}

/** Who signs without a key of the repository has a record of such a name too. */
async function readSlot (backend: Pick<StorageBackend, 'get'>, key: string, id: string, options: AbortOptions): Promise<Slot | undefined> {
  const record = await readRecord(backend, key, v.union([SlotRecord, SignerRecord]), options)
  return record === undefined || record.kind === 'signer' ? undefined : { ...record, id }
}

function setAside (damaged: Map<string, BackupError>, key: string, error: unknown): undefined {
  if (!isBackupError(error, 'RECORD_CORRUPT')) throw error
  damaged.set(key, error)
}

function digits (number: number): string {
  return String(number).padStart(4, '0')
}
