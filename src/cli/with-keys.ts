import { readKeyRecords } from '../trust/keys/key-records.ts'
import type { KeyRecords } from '../trust/keys/key-records.ts'
import type { UnlockedKeys } from '../trust/keys/unlocked-keys.ts'
import { BackupError } from '../errors.ts'
import type { Cli, Opened } from './cli.ts'

export interface OpenedKeys extends Opened {
  readonly keys: UnlockedKeys
  /** As they were when the repository was opened. */
  readonly records: KeyRecords
}

/** Opens a sealed repository and reads its key records. @throws {BackupError} `INVALID_OPTION` for one that is not sealed, `KEY_NEEDED` for who can only write to it */
export async function withKeys<T> (cli: Cli, act: (opened: OpenedKeys) => Promise<T>): Promise<T> {
  return await cli.withRepository(async opened => {
    const { repository, keys } = opened
    if (repository.config.sealedWith === undefined) throw new BackupError('INVALID_OPTION', 'the repository is not sealed: it has no keys (`caf init --sealed` makes one that has)')
    if (keys === undefined) throw new BackupError('KEY_NEEDED', 'who knows the recipient alone cannot see or change keys: give the secret or an identity')
    return await act({ ...opened, keys, records: await readKeyRecords(repository.backend, { signal: cli.signal }) })
  })
}
