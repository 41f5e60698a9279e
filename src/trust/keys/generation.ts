import { corrupt } from '../../cas/record.ts'
import { sealingKeyOf } from '../../cas/sealing.ts'
import type { SealingKey } from '../../cas/sealing.ts'
import { unwrapWithIdentities, wrapForRecipients } from './age-file.ts'
import { newIdentity, recipientOf } from './age-identity.ts'
import { generationKey } from './key-records.ts'
import type { GenerationRecord } from './key-records.ts'
import { hasMac, recordMac } from './record-mac.ts'

/** A generation of the repository's key, opened. */
export interface OpenGeneration {
  /** From 1. */
  readonly number: number
  /** `AGE-SECRET-KEY-1…`: never to be shown but on a recovery sheet. */
  readonly identity: string
  readonly recipient: string
  /** What objects are sealed with. */
  readonly key: SealingKey
  /** 32 bytes. */
  readonly logSeed: Uint8Array
}

export interface NewGeneration {
  /** The generation before, which this one will open; undefined for the first. */
  readonly previous?: OpenGeneration | undefined
  /** The seed of the log's key, for the first generation; others take over that of the one before. */
  readonly logSeed: Uint8Array
  /** 32 bytes. */
  readonly key: Uint8Array
  /** ISO 8601. */
  readonly created: string
}

/** A generation with an identity of its own, and the record that keeps it. */
export async function newGeneration ({ previous, logSeed, key, created }: NewGeneration): Promise<{ generation: OpenGeneration, record: GenerationRecord }> {
  const identity = await newIdentity()
  const recipient = await recipientOf(identity)
  const number = (previous?.number ?? 0) + 1
  const wrap = async (payload: Uint8Array): Promise<string> => Buffer.from(await wrapForRecipients(payload, [recipient])).toString('base64')
  const generation = { number, identity, recipient, key: sealingKeyOf(key), logSeed }
  const content = {
    kind: 'generation' as const, created, generation: number, recipient, keyId: generation.key.id, key: await wrap(key),
    ...(previous !== undefined && { previous: await wrap(identityBytes(previous.identity)) }),
    log: await wrap(logSeed),
  }
  return { generation, record: { ...content, mac: recordMac(content, identity) } }
}

/**
 * What a generation's record keeps for who has its identity. Anybody can encrypt to a recipient, so the record's MAC, for which the identity is needed, is what
 * makes sure that nobody has put a key of his own in the place of the repository's.
 * @throws {BackupError} `RECORD_CORRUPT` when it is not the record that was written with that identity
 */
export async function openGeneration (record: GenerationRecord, identity: string): Promise<OpenGeneration> {
  const name = generationKey(record.generation)
  if (record.recipient !== await recipientOf(identity)) throw corrupt(name, 'it belongs to another identity')
  if (!hasMac(record, identity)) throw corrupt(name, 'it was changed by somebody who does not have its identity')
  const key = sealingKeyOf(await unwrapMember(record, 'key', identity))
  if (key.id !== record.keyId) throw corrupt(name, 'it names another key than it has')
  return { number: record.generation, identity, recipient: record.recipient, key, logSeed: await unwrapMember(record, 'log', identity) }
}

/** The identity of the generation before; undefined for the first. @throws {BackupError} `RECORD_CORRUPT` */
export async function previousIdentity (record: GenerationRecord, identity: string): Promise<string | undefined> {
  if (record.previous === undefined) return undefined
  return Buffer.from(await unwrapMember(record, 'previous', identity)).toString().trim()
}

/** The payload of slots and of `previous`: a line, as in an identity file. */
export function identityBytes (identity: string): Uint8Array {
  return Buffer.from(`${identity}\n`)
}

async function unwrapMember (record: GenerationRecord, member: 'key' | 'previous' | 'log', identity: string): Promise<Uint8Array> {
  const payload = await unwrapWithIdentities(Buffer.from(record[member] ?? '', 'base64'), [identity])
  if (payload === undefined) throw corrupt(generationKey(record.generation), `its ${member} is for another identity`)
  return payload
}
