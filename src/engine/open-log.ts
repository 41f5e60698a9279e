import type { Repository } from '../cas/repository.ts'
import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { createLogSeed, readLogSeed, readLogVkey } from '../trust/keys/log-key.ts'
import { Log } from '../trust/log/log.ts'
import { formatVkey, noteSigner, parseVkey, sameKey } from '../trust/log/note-key.ts'
import type { NoteKey, NoteSigner } from '../trust/log/note-key.ts'
import { PinnedCheckpoint } from '../trust/log/pinned-checkpoint.ts'

export interface OpenedLog {
  readonly log: Log
  /** 32 bytes; undefined for who cannot sign. */
  readonly seed: Uint8Array | undefined
}

/** The origin of a repository's log, and the name of its key. */
export function logOrigin ({ config }: Pick<Repository, 'config'>): string {
  return `caf/${config.id}`
}

/** The repository's log, to be read; undefined when it has none. @throws {BackupError} `LOG_CORRUPT`, `RECORD_CORRUPT`, `STORAGE_…` */
export async function readLog (repository: Repository, options: AbortOptions = {}): Promise<Log | undefined> {
  const vkey = await readLogVkey(repository.backend, options)
  if (vkey === undefined) return undefined
  const key = keyOf(repository, vkey)
  checkOwnKey(repository, key)
  return openedLog(repository, key)
}

/** The repository's log, to be added to; its key is made where there is none. Undefined for who knows none and can make none. */
export async function createLog (repository: Repository, { signal }: AbortOptions = {}): Promise<OpenedLog | undefined> {
  const { backend, config, logAccess: { keys } } = repository
  const vkeyOf = (seed: Uint8Array): string => formatVkey(noteSigner(logOrigin(repository), seed).key)
  const vkey = await readLogVkey(backend, { signal })
  if (vkey === undefined && config.sealedWith !== undefined && keys === undefined) return undefined
  const seed = vkey === undefined
    ? await createLogSeed(backend, { keys, vkeyOf, now: repository.now(), signal })
    : await readLogSeed(backend, { keys, signal })
  if (seed === undefined) return { log: openedLog(repository, keyOf(repository, vkey ?? '')), seed }
  const signer = noteSigner(logOrigin(repository), seed)
  if (vkey !== undefined && !sameKey(keyOf(repository, vkey), signer.key)) throw otherKey()
  return { log: openedLog(repository, signer.key, signer), seed }
}

function openedLog (repository: Repository, key: NoteKey, signer?: NoteSigner): Log {
  const { stateFolder } = repository.logAccess
  return new Log(repository.backend, { key, signer, pin: stateFolder === undefined ? undefined : new PinnedCheckpoint(stateFolder, repository.config.id) })
}

function keyOf (repository: Repository, vkey: string): NoteKey {
  const key = parseVkey(vkey)
  if (key.name !== logOrigin(repository)) throw new BackupError('LOG_CORRUPT', `keys/log is the key of another log, ${key.name}`, { data: { key: 'keys/log' } })
  return key
}

/** Who has the keys of a sealed repository knows which key its log must have. */
function checkOwnKey (repository: Repository, key: NoteKey): void {
  const { keys } = repository.logAccess
  if (keys !== undefined && !sameKey(key, noteSigner(logOrigin(repository), keys.logSeed).key)) throw otherKey()
}

function otherKey (): BackupError {
  return new BackupError('LOG_CORRUPT', "keys/log is not the key of this repository's log: somebody replaced it", { data: { key: 'keys/log' } })
}

/** True if this host remembers a checkpoint of this repository. */
export async function hasSeenLog ({ config, logAccess: { stateFolder } }: Repository): Promise<boolean> {
  return stateFolder !== undefined && await new PinnedCheckpoint(stateFolder, config.id).exists()
}
