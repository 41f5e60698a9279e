import { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { SignedCheckpoint } from '../trust/log/checkpoint.ts'
import { openCheckpoint } from '../trust/log/checkpoint.ts'
import type { Appended } from '../trust/log/log.ts'
import type { Act } from '../trust/log/opening.ts'
import { formatNote, parseSignature } from '../trust/log/signed-note.ts'
import type { TlogProof } from '../trust/log/tlog-proof.ts'
import type { ProposedLeaf } from '../trust/validator.ts'
import type { Ledger } from './ledger.ts'

/** A snapshot whose leaf stands in the log and that is not committed yet. */
export class ProposedSnapshot {
  readonly index: number
  readonly #ledger: Ledger
  readonly #appended: Appended
  #checkpoint: SignedCheckpoint

  constructor (ledger: Ledger, appended: Appended, checkpoint: SignedCheckpoint) {
    this.index = appended.index
    this.#ledger = ledger
    this.#appended = appended
    this.#checkpoint = checkpoint
  }

  /** 32 bytes, from which local validators derive their keys. */
  get seed (): Uint8Array | undefined {
    return this.#ledger.seed
  }

  /** The leaf for validators, in the checkpoint that was made with it. */
  async leaf (options: AbortOptions = {}): Promise<ProposedLeaf> {
    const { log } = this.#ledger
    const { size, note } = this.#checkpoint
    const { index, opening } = this.#appended
    return {
      key: log.key, index, opening, checkpoint: formatNote(note), path: await log.prove(index, size, options),
      consistency: async (from, within = {}) => await log.consistency(from, size, within),
    }
  }

  /** As {@link leaf}, in the newest checkpoint: for validators that have cosigned one beyond the first. */
  async newerLeaf (options: AbortOptions = {}): Promise<ProposedLeaf> {
    this.#checkpoint = await this.#ledger.log.catchUp(options) ?? this.#checkpoint
    return await this.leaf(options)
  }

  /** The proof for the commit record. Cosignatures, as lines, are kept with the log's checkpoint too. */
  async prove (leaf: ProposedLeaf, cosignatures: readonly string[], options: AbortOptions = {}): Promise<TlogProof> {
    const { log } = this.#ledger
    const checkpoint = openCheckpoint(leaf.checkpoint, log.key)
    const { note } = cosignatures.length === 0 ? checkpoint : await log.cosigned(checkpoint, cosignatures.map(line => parseSignature(line.trimEnd())), options)
    return { extra: leaf.opening, index: leaf.index, path: leaf.path, checkpoint: formatNote(note) }
  }
}

/** Puts the leaf of a snapshot that wants to be committed into the log; undefined where nobody can sign a checkpoint with it. */
export async function propose (ledger: Ledger, act: Extract<Act, { kind: 'snapshot' }>, options: AbortOptions = {}): Promise<ProposedSnapshot | undefined> {
  const [appended] = await ledger.record([act], { announce: 'later', ...options })
  if (appended === undefined) throw new BackupError('LOG_CORRUPT', 'the log took no leaf')
  return appended.checkpoint === undefined ? undefined : new ProposedSnapshot(ledger, appended, appended.checkpoint)
}
