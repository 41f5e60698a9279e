import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import * as v from 'valibot'
import { corrupt, decodeRecord, encodeRecord } from '../../cas/record.ts'
import { BackupError, systemCode } from '../../errors.ts'
import { fits } from '../../shape.ts'
import { makeFolder, syncFolders, writeDurable } from '../../storage/durable-file.ts'
import { isKeyName, noteSigner, SIGNATURE_TYPE } from '../log/note-key.ts'
import type { NoteSigner } from '../log/note-key.ts'

const KeyRecord = v.object({
  kind: v.literal('validator'),
  created: v.string(),
  name: v.pipe(v.string(), v.nonEmpty()),
  /** Base64 of the Ed25519 seed. */
  seed: v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]{43}=$/)),
})

export interface WitnessKeyOptions {
  /**
   * What the key is called in signatures; a key that exists keeps its name.
   * @default `<host name>/caf-validator-<8 hex digits>`
   */
  readonly name?: string | undefined
  /** @default the system's */
  readonly now?: () => Date
  /** So many random bytes. @default crypto.randomBytes */
  readonly random?: (length: number) => Uint8Array
}

/**
 * The key of the validator with that state folder; made there, readable by its owner alone, when there is none.
 * @throws {BackupError} `INVALID_OPTION` for a name that cannot be one, or is not that of the key; `RECORD_CORRUPT`, `STORAGE_IO`
 */
export async function openWitnessKey (stateFolder: string, { name, now = () => new Date(), random = randomBytes }: WitnessKeyOptions = {}): Promise<NoteSigner> {
  if (name !== undefined && !isKeyName(name)) throw new BackupError('INVALID_OPTION', `${JSON.stringify(name)} is no name of a validator: it must be without spaces and +, as validator.example.com/backups`, { data: { name } })
  const path = resolve(stateFolder, 'key')
  const known = await readKey(path)
  if (known !== undefined) return sameName(known, name, path)
  const made = name ?? `${hostname().replace(/[\s+]/g, '-')}/caf-validator-${Buffer.from(random(4)).toString('hex')}`
  const record = { kind: 'validator', created: now().toISOString(), name: made, seed: Buffer.from(random(32)).toString('base64') }
  try {
    const top = await makeFolder(dirname(path))
    if (top !== undefined) await syncFolders(dirname(path), resolve(top, '..'))
    await writeDurable(path, encodeRecord(record), { keep: true })
  } catch (error) {
    throw new BackupError('STORAGE_IO', `cannot make the validator's key ${path}: ${systemCode(error) ?? String(error)}`, { data: { path }, cause: error })
  }
  return sameName((await readKey(path))!, name, path) // another process may have been quicker
}

/** Where a validator remembers what it has cosigned. */
export function stateFolderOf (stateFolder: string): string {
  return join(resolve(stateFolder), 'cosigned')
}

async function readKey (path: string): Promise<NoteSigner | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw new BackupError('STORAGE_IO', `cannot read the validator's key ${path}: ${systemCode(error) ?? String(error)}`, { data: { path }, cause: error })
  }
  const members: unknown = decodeRecord(path, bytes)
  if (!fits(KeyRecord, members)) throw corrupt(path, 'it is no key of a validator')
  return noteSigner(members.name, Buffer.from(members.seed, 'base64'), SIGNATURE_TYPE.cosignature)
}

function sameName (signer: NoteSigner, name: string | undefined, path: string): NoteSigner {
  if (name === undefined || signer.key.name === name) return signer
  throw new BackupError('INVALID_OPTION', `the key in ${path} is called ${signer.key.name}, not ${name}: a key keeps its name, for policies know it by that`, { data: { name: signer.key.name } })
}
