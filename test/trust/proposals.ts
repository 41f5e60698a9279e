import type { CID } from 'multiformats/cid'
import type { Repository, WriterSession } from '../../src/cas/repository.ts'
import { logOrigin } from '../../src/engine/open-log.ts'
import type { LoggedProposal } from '../../src/engine/consensus.ts'
import { createLogSeed } from '../../src/trust/keys/log-key.ts'
import { Log } from '../../src/trust/log/log.ts'
import { formatVkey, noteSigner } from '../../src/trust/log/note-key.ts'
import { formatNote, parseSignature } from '../../src/trust/log/signed-note.ts'
import type { ProposedLeaf } from '../../src/trust/validator.ts'
import { TIME } from './sample-log.ts'

export interface RepositoryLog {
  readonly log: Log
  readonly seed: Uint8Array
}

/** The repository's log, made where there is none, without what a host remembers of it. */
export async function logOf (repository: Repository): Promise<RepositoryLog> {
  const vkeyOf = (seed: Uint8Array): string => formatVkey(noteSigner(logOrigin(repository), seed).key)
  const seed = await createLogSeed(repository.backend, { vkeyOf, now: TIME })
  const signer = noteSigner(logOrigin(repository), seed)
  return { log: new Log(repository.backend, { key: signer.key, signer }), seed }
}

/** Puts the leaf that proposes a snapshot into the log. */
export async function proposeIn ({ log, seed }: RepositoryLog, writer: WriterSession, root: CID): Promise<LoggedProposal & { leaf(): Promise<ProposedLeaf> }> {
  const { index, opening } = await log.append({ kind: 'snapshot', snapshot: writer.id, root: root.toString(), project: 'p', parents: [] }, { time: TIME, traceId: '' })
  const size = index + 1
  const leafAt = async (of: number): Promise<ProposedLeaf> => ({
    key: log.key, index, opening, checkpoint: formatNote((await log.checkpointAt(of))!.note), path: await log.prove(index, of),
    consistency: async from => await log.consistency(from, of),
  })
  return {
    seed,
    leaf: async () => await leafAt(size),
    newerLeaf: async () => await leafAt((await log.catchUp())!.size),
    async prove (leaf, cosignatures) {
      const checkpoint = (await log.checkpointAt(Number(leaf.checkpoint.split('\n')[1])))!
      const { note } = await log.cosigned(checkpoint, cosignatures.map(line => parseSignature(line.trimEnd())))
      return { extra: opening, index, path: leaf.path, checkpoint: formatNote(note) }
    },
  }
}
