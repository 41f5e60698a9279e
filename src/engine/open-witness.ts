import type { Repository } from '../cas/repository.ts'
import type { AbortOptions } from '../stream.ts'
import { readLogVkey } from '../trust/keys/log-key.ts'
import { Log } from '../trust/log/log.ts'
import { parseVkey } from '../trust/log/note-key.ts'
import type { NoteKey, NoteSigner } from '../trust/log/note-key.ts'
import type { VerificationOptions } from '../trust/verify/verify-snapshot.ts'
import { inspectLeaves } from '../trust/witness/inspect-leaves.ts'
import { WitnessState } from '../trust/witness/witness-state.ts'
import { Witness } from '../trust/witness/witness.ts'
import { logOrigin } from './open-log.ts'

export interface OpenWitnessOptions extends AbortOptions, Pick<VerificationOptions, 'data' | 'random'> {
  readonly signer: NoteSigner
  /** Folder in which it remembers what it has cosigned: losing it means to start anew. */
  readonly stateFolder: string
  readonly clock?: (() => number) | undefined
  /** Told of what went wrong while it looked. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** A witness of one repository's log that re-verifies each snapshot before it cosigns. It uses `repository`, and does not close it. */
export function openWitness (repository: Repository, { signer, stateFolder, data, random, clock, onError, signal }: OpenWitnessOptions): Witness {
  const origin = logOrigin(repository)
  let key: NoteKey | undefined
  return new Witness({
    signer, clock, onError,
    state: new WitnessState(stateFolder),
    logKey: async asked => asked === origin ? key ??= await readLogKey(repository, { signal }) : undefined,
    inspect: async leaves => {
      key ??= await readLogKey(repository, { signal })
      if (key === undefined) return { refusal: 'the repository has no log' }
      return await inspectLeaves(leaves, { repository, log: new Log(repository.backend, { key }), data, random, signal })
    },
  })
}

/** The key that the repository gives as its log's; the first one that was cosigned for is the one that stays. */
async function readLogKey (repository: Repository, options: AbortOptions): Promise<NoteKey | undefined> {
  const vkey = await readLogVkey(repository.backend, options)
  const key = vkey === undefined ? undefined : parseVkey(vkey)
  return key?.name === logOrigin(repository) ? key : undefined
}
