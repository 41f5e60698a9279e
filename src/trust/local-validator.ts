import { hostname } from 'node:os'
import type { BlobReader } from '../cas/blob-store.ts'
import { BackupError, isBackupError } from '../errors.ts'
import { openCheckpoint } from './log/checkpoint.ts'
import { cosign } from './log/cosignature.ts'
import { leafHash, verifyInclusion } from './log/merkle.ts'
import type { NoteSigner } from './log/note-key.ts'
import { decodeOpening, leafOfOpening } from './log/opening.ts'
import { formatSignature } from './log/signed-note.ts'
import type { Proposal, ProposedLeaf, Validator, Verdict } from './validator.ts'
import { verifySnapshot } from './verify/verify-snapshot.ts'
import type { Verification, VerificationOptions } from './verify/verify-snapshot.ts'

export interface LocalValidatorOptions extends Pick<VerificationOptions, 'data' | 'verified' | 'random'> {
  /** @default 'local' */
  readonly name?: string
  /** Cosigns where the repository has a log. @default it does not cosign */
  readonly signer?: NoteSigner | undefined
  /** Milliseconds since 1970. @default Date.now */
  readonly clock?: () => number
}

/**
 * Re-reads what was just written: every block, the graph, and every chunk that no committed parent has.
 * It runs on the host that made the snapshot: it finds a faulty disk or a fault of ours, not a dishonest host.
 */
export function localValidator ({ name = 'local', signer, data, verified, random, clock = Date.now }: LocalValidatorOptions = {}): Validator {
  // Asked again within the same reading, because the log has grown meanwhile, it has looked at everything already.
  const looked = new WeakMap<BlobReader, { readonly root: string, readonly verification: Verification }>()
  return {
    name,
    key: signer?.key,
    isLocal: true,
    async validate (proposal, { signal } = {}): Promise<Verdict> {
      const root = `${proposal.snapshot} ${proposal.root}`
      const before = looked.get(proposal.blobs)
      const verification = before?.root === root ? before.verification : await verifySnapshot(proposal, { data, verified, random, signal })
      looked.set(proposal.blobs, { root, verification })
      const { checked, blobs, errors } = verification
      const verdict = { validator: name, checked, blobs, host: hostname(), self: true as const }
      if (errors.length > 0) return { ...verdict, accepts: false, errors }
      if (proposal.log === undefined || signer === undefined) return { ...verdict, accepts: true, errors }
      return { ...verdict, ...cosigned(proposal, proposal.log, { signer, time: Math.floor(clock() / 1_000) }) }
    },
  }
}

function cosigned (proposal: Proposal, leaf: ProposedLeaf, { signer, time }: { readonly signer: NoteSigner, readonly time: number }): Pick<Verdict, 'accepts' | 'errors' | 'cosignature'> {
  try {
    const { note } = checkLeaf(proposal, leaf)
    return { accepts: true, errors: [], cosignature: formatSignature(cosign(note.text, signer, time)) }
  } catch (error) {
    if (!isBackupError(error)) throw error
    return { accepts: false, errors: [error.message] }
  }
}

/** The checkpoint, if it has the leaf that proposes this very snapshot. @throws {BackupError} `PROOF_INVALID` */
function checkLeaf ({ snapshot, root }: Proposal, { key, checkpoint, index, opening, path }: ProposedLeaf): ReturnType<typeof openCheckpoint> {
  const signed = openCheckpoint(checkpoint, key)
  if (!verifyInclusion({ index, size: signed.size, hash: leafHash(leafOfOpening(opening)), root: signed.root }, path)) throw new BackupError('PROOF_INVALID', `the checkpoint of ${signed.size} leaves has not the leaf that proposes the snapshot`)
  const said = decodeOpening(opening)
  if (said.kind !== 'snapshot' || said.snapshot !== snapshot || said.root !== root.toString()) throw new BackupError('PROOF_INVALID', 'the leaf of the log proposes something else')
  return signed
}
