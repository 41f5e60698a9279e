import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { corrupt } from '../../cas/record.ts'
import { createRecord, readRecord } from '../../cas/records.ts'
import type { Shaped } from '../../shape.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'

const LOG_KEY = 'keys/log'
const SEED_BYTES = 32

const LogRecord = v.object({
  kind: v.literal('log'),
  created: v.string(),
  vkey: v.pipe(v.string(), v.nonEmpty()),
  seed: v.exactOptional(v.string()),
})

/** What opens a sealed repository knows the seed, which then stands in no record of its own. */
export interface LogSeedOwner {
  /** 32 bytes: the Ed25519 seed of the log's key. */
  readonly logSeed: Uint8Array
}

export interface ReadLogSeedOptions extends AbortOptions {
  /** The opened keys of a sealed repository; undefined where it is not sealed. */
  readonly keys?: LogSeedOwner | undefined
}

export interface CreateLogSeedOptions extends ReadLogSeedOptions {
  /** The verifier key (C2SP signed-note) of a seed; it is recorded for those who only read. */
  readonly vkeyOf: (seed: Uint8Array) => string
  /** ISO 8601. */
  readonly now: string
  /** So many random bytes. @default crypto.randomBytes */
  readonly random?: (length: number) => Uint8Array
}

/** The log's verifier key, or undefined as long as there is no log. @throws {BackupError} `RECORD_CORRUPT`, `STORAGE_…` */
export async function readLogVkey (backend: Pick<StorageBackend, 'get'>, options?: AbortOptions): Promise<string | undefined> {
  return (await readRecord(backend, LOG_KEY, LogRecord, options))?.vkey
}

/**
 * The seed that signs the log's checkpoints: from the opened keys of a sealed repository, else from its record.
 * @returns undefined as long as there is no log, and for who only knows a recipient
 * @throws {BackupError} `RECORD_CORRUPT`, `STORAGE_…`
 */
export async function readLogSeed (backend: Pick<StorageBackend, 'get'>, { keys, signal }: ReadLogSeedOptions = {}): Promise<Uint8Array | undefined> {
  if (keys !== undefined) return keys.logSeed
  const record = await readRecord(backend, LOG_KEY, LogRecord, { signal })
  return record?.seed === undefined ? undefined : decodeSeed(record.seed)
}

/**
 * The seed, and its record made where there is none. Of several that make it at once one wins and all get its seed.
 * @throws {BackupError} `RECORD_CORRUPT` also when the record names another key; `STORAGE_…`
 */
export async function createLogSeed (
  backend: Pick<StorageBackend, 'get' | 'put'>, { keys, vkeyOf, now, random = randomBytes, signal }: CreateLogSeedOptions
): Promise<Uint8Array> {
  const seed = await readLogSeed(backend, { keys, signal }) ?? random(SEED_BYTES)
  const record: Shaped<typeof LogRecord> = { kind: 'log', created: now, vkey: vkeyOf(seed) }
  const open = keys === undefined ? { seed: Buffer.from(seed).toString('base64') } : {}
  if (await createRecord(backend, LOG_KEY, { ...record, ...open }, { signal })) return seed
  const stored = await readLogSeed(backend, { keys, signal })
  if (stored === undefined) throw corrupt(LOG_KEY, 'it has no seed, and the repository is not sealed')
  if (await readLogVkey(backend, { signal }) !== vkeyOf(stored)) throw corrupt(LOG_KEY, 'it names another key than that of its seed')
  return stored
}

function decodeSeed (text: string): Uint8Array {
  const seed = Buffer.from(text, 'base64')
  if (seed.length !== SEED_BYTES) throw corrupt(LOG_KEY, `its seed has ${seed.length} bytes, not ${SEED_BYTES}`)
  return seed
}
