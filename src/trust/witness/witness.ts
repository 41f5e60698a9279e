import PQueue from 'p-queue'
import { isBackupError } from '../../errors.ts'
import { decodeBase64, encodeBase64 } from '../log/base64.ts'
import { cosign, addSignatures } from '../log/cosignature.ts'
import { EMPTY_ROOT, verifyConsistency } from '../log/merkle.ts'
import type { TreeHead } from '../log/merkle.ts'
import { formatVkey } from '../log/note-key.ts'
import type { NoteKey, NoteSigner } from '../log/note-key.ts'
import { formatNote, formatSignature, signersOf } from '../log/signed-note.ts'
import { parseWitnessRequest } from './witness-request.ts'
import type { WitnessRequest } from './witness-request.ts'
import type { WitnessPosition, WitnessRecord, WitnessState } from './witness-state.ts'

/** An answer as HTTP sends it. */
export interface WitnessAnswer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422 | 500
  readonly contentType: 'text/plain; charset=utf-8' | 'text/x.tlog.size'
  readonly body: string
}

/** Leaves that nobody here has looked at yet. */
export interface NewLeaves {
  readonly from: TreeHead
  readonly to: TreeHead
  /** Root CIDs of the snapshots verified before. */
  readonly verified: readonly string[]
}

/** What came of looking at new leaves: why they are refused, or the snapshots verified with them. */
export type Inspection = { readonly refusal: string } | { readonly verified: readonly string[] }

export interface WitnessOptions {
  readonly signer: NoteSigner
  readonly state: Pick<WitnessState, 'read' | 'advance'>
  /** The key of a log that it serves. */
  readonly logKey: (origin: string) => NoteKey | undefined | Promise<NoteKey | undefined>
  /** Looks at what new leaves say, before they are cosigned. Throws when it cannot look. */
  readonly inspect: (leaves: NewLeaves) => Promise<Inspection>
  /** Milliseconds since 1970. @default Date.now */
  readonly clock?: (() => number) | undefined
  /** Told of what went wrong here, of which the client only learns that something did. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** How many verified snapshots are remembered, so that what builds on them need not be read whole. */
const MOST_VERIFIED = 256

/** Answers as C2SP tlog-witness says; one request of a log after the other. */
export class Witness {
  readonly #options: WitnessOptions
  readonly #turns = new Map<string, PQueue>()

  constructor (options: WitnessOptions) {
    this.#options = options
  }

  get key (): NoteKey {
    return this.#options.signer.key
  }

  /** `POST add-checkpoint`. Does not throw. */
  async addCheckpoint (body: Uint8Array): Promise<WitnessAnswer> {
    try {
      const request = parseWitnessRequest(body)
      const { origin } = request.checkpoint
      const log = await this.#options.logKey(origin)
      if (log === undefined) return refuse(404, 'this validator does not serve that log')
      if (!isSignedBy(request, log)) return refuse(403, `the checkpoint has no signature of ${log.name} by the key ${log.id}, or a wrong one`)
      if (request.oldSize > request.checkpoint.size) return refuse(400, 'the old size is greater than that of the checkpoint')
      return await this.#turn(origin).add(async () => await this.#decide(request, log))
    } catch (error) {
      if (isBackupError(error, 'PROOF_INVALID')) return refuse(400, error.message)
      this.#options.onError?.(error)
      return refuse(500, 'the validator cannot look at it now; its own messages say why')
    }
  }

  /** The newest checkpoint that it cosigned of a log, for who monitors it; undefined if there is none. */
  async checkpoint (origin: string): Promise<string | undefined> {
    return (await this.#options.state.read(origin)).record?.checkpoint
  }

  async #decide (request: WitnessRequest, log: NoteKey): Promise<WitnessAnswer> {
    const { state, inspect } = this.#options
    const { oldSize, proof, checkpoint } = request
    const position = await state.read(checkpoint.origin)
    const from = headOf(position.record)
    if (position.record !== undefined && position.record.log !== formatVkey(log)) return refuse(403, 'the log has another key than the one whose checkpoints were cosigned before')
    if (oldSize !== from.size) return conflict(from.size)
    if (checkpoint.size === 0 && !equal(checkpoint.root, EMPTY_ROOT)) return refuse(422, 'an empty log has another root')
    if (!verifyConsistency(from, checkpoint, proof)) return refuse(422, `the checkpoint is not shown to extend the one of ${from.size} leaves that was cosigned before`)
    const known = position.record?.verified ?? []
    const inspection = checkpoint.size === from.size ? { verified: [] } : await inspect({ from, to: checkpoint, verified: known })
    if ('refusal' in inspection) return refuse(422, inspection.refusal)
    return await this.#cosign(request, log, position, [...known, ...inspection.verified].slice(-MOST_VERIFIED))
  }

  /** The state is durable before anybody sees the cosignature. */
  async #cosign ({ note, checkpoint: { origin, size, root } }: WitnessRequest, log: NoteKey, position: WitnessPosition, verified: readonly string[]): Promise<WitnessAnswer> {
    const { signer, state, clock = Date.now } = this.#options
    const signature = cosign(note.text, signer, Math.floor(clock() / 1_000))
    if (position.record?.size !== size) {
      const signatures = note.signatures.filter(({ name, id }) => name === log.name && id === log.id)
      const cosigned = formatNote(addSignatures({ text: note.text, signatures }, [signature]))
      const record = { origin, log: formatVkey(log), size, root: encodeBase64(root), checkpoint: cosigned, verified: [...verified] }
      if (!await state.advance(position, record)) return conflict(headOf((await state.read(origin)).record).size)
    }
    return { status: 200, contentType: 'text/plain; charset=utf-8', body: formatSignature(signature) }
  }

  #turn (origin: string): PQueue {
    const turn = this.#turns.get(origin) ?? new PQueue({ concurrency: 1 })
    this.#turns.set(origin, turn)
    return turn
  }
}

function isSignedBy ({ note }: WitnessRequest, log: NoteKey): boolean {
  try {
    return signersOf(note, [log]).length > 0
  } catch (error) {
    if (isBackupError(error, 'PROOF_INVALID')) return false
    throw error
  }
}

function headOf (record: WitnessRecord | undefined): TreeHead {
  return record === undefined ? { size: 0, root: EMPTY_ROOT } : { size: record.size, root: decodeBase64(record.root) ?? EMPTY_ROOT }
}

function conflict (size: number): WitnessAnswer {
  return { status: 409, contentType: 'text/x.tlog.size', body: `${size}\n` }
}

function refuse (status: 400 | 403 | 404 | 422 | 500, why: string): WitnessAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${why}\n` }
}

function equal (one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
