import { randomBytes } from 'node:crypto'
import { BackupError, isBackupError } from '../../errors.ts'
import type { StorageBackend } from '../../storage/storage-backend.ts'
import type { AbortOptions } from '../../stream.ts'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import type { SignedCheckpoint } from './checkpoint.ts'
import { addSignatures } from './cosignature.ts'
import { growLog } from './log-growth.ts'
import { CHECKPOINT_PREFIX, NEWEST_CHECKPOINT_KEY, checkpointKey, numberOf, tileKey } from './log-layout.ts'
import { LogStore } from './log-store.ts'
import { EMPTY_ROOT, proveConsistency, proveInclusion, verifyConsistency } from './merkle.ts'
import type { HashReader, TreeHead } from './merkle.ts'
import type { NoteKey, NoteSigner } from './note-key.ts'
import { decodeOpening, encodeOpening } from './opening.ts'
import type { Act, Opening } from './opening.ts'
import type { PinnedCheckpoint } from './pinned-checkpoint.ts'
import { formatNote } from './signed-note.ts'
import type { NoteSignature } from './signed-note.ts'
import { tileHashReader } from './tile.ts'

export interface LogOptions {
  /** The log's key; its name is the log's origin. */
  readonly key: NoteKey
  /** Signs checkpoints; without it leaves can be added, and others sign for them. */
  readonly signer?: NoteSigner | undefined
  /** What this host remembers of the log. */
  readonly pin?: PinnedCheckpoint | undefined
  /** @default crypto.randomBytes */
  readonly random?: ((length: number) => Uint8Array) | undefined
}

export interface ActFacts extends AbortOptions {
  /** ISO 8601. */
  readonly time: string
  readonly traceId: string
  /** `later`: `checkpoint` is not written anew, for that will be done with cosignatures. @default 'now' */
  readonly announce?: 'now' | 'later' | undefined
}

/** A leaf and what it says. */
export interface LogEntry {
  readonly index: number
  /** 32 bytes. */
  readonly leaf: Uint8Array
  readonly opening: Opening
}

/** A leaf that was just added. */
export interface Appended {
  readonly index: number
  readonly leaf: Uint8Array
  /** The bytes that the leaf commits to. */
  readonly opening: Uint8Array
  /** Of a log with the leaf; undefined where this process cannot sign. */
  readonly checkpoint: SignedCheckpoint | undefined
}

const NO_LEAVES: TreeHead = { size: 0, root: EMPTY_ROOT }

/** A repository's log. Any number of processes may add to it at once; what one leaves half done the next completes. */
export class Log {
  readonly key: NoteKey
  readonly store: LogStore
  readonly #signer: NoteSigner | undefined
  readonly #pin: PinnedCheckpoint | undefined
  readonly #random: (length: number) => Uint8Array

  constructor (backend: StorageBackend, { key, signer, pin, random = randomBytes }: LogOptions) {
    this.store = new LogStore(backend)
    this.key = key
    this.#signer = signer
    this.#pin = pin
    this.#random = random
  }

  /**
   * The newest checkpoint; undefined before the first. Writes nothing to the storage.
   * @throws {BackupError} `LOG_ROLLED_BACK` when it does not extend the one that this host remembers; `LOG_CORRUPT`, `STORAGE_…`
   */
  async checkpoint (options: AbortOptions = {}): Promise<SignedCheckpoint | undefined> {
    const pinned = await this.#pinned()
    const newest = await this.#newest(pinned, options)
    await this.#checkPin(newest ?? NO_LEAVES, pinned, options)
    if (newest !== undefined) await this.#pin?.write(newest, this.key)
    return newest
  }

  /** Makes tiles and checkpoint for leaves that lie beyond the newest checkpoint, and returns that one. @throws {BackupError} as {@link checkpoint} */
  async catchUp (options: AbortOptions = {}): Promise<SignedCheckpoint | undefined> {
    const pinned = await this.#pinned()
    return await this.#extend(await this.#newest(pinned, options), pinned, options)
  }

  /**
   * Adds a leaf, durably, and a checkpoint with it.
   * @throws {BackupError} as {@link checkpoint}; after a `STORAGE_IO` the leaf may stand in the log all the same
   */
  async append (act: Act, facts: ActFacts): Promise<Appended> {
    const [appended] = await this.appendAll([act], facts)
    return appended!
  }

  /** Adds several leaves in this order, perhaps with others' between them, and one checkpoint. @throws {BackupError} as {@link append} */
  async appendAll (acts: readonly Act[], { time, traceId, announce, signal }: ActFacts): Promise<Appended[]> {
    const pinned = await this.#pinned()
    const before = await this.#extend(await this.#newest(pinned, { signal }), pinned, { signal })
    let next = before?.size ?? 0
    if (this.#signer === undefined) next = await this.store.end(next, { signal })
    const added: Array<Omit<Appended, 'checkpoint'>> = []
    for (const act of acts) {
      const { leaf, opening } = await this.#open(act, { time, traceId, signal })
      while (!await this.store.createEntry(next, leaf, { signal })) next++
      added.push({ index: next++, leaf, opening })
    }
    const after = await this.#extend(before, pinned, { announce, signal })
    return added.map(each => ({ ...each, checkpoint: this.#signer === undefined ? undefined : after }))
  }

  /** Makes `act` the log's first leaf; false, and nothing added, if it has leaves. @throws {BackupError} as {@link checkpoint} */
  async begin (act: Act, { time, traceId, signal }: ActFacts): Promise<boolean> {
    const pinned = await this.#pinned()
    if (await this.store.readLeaf(0, { signal }) !== undefined) return false
    await this.#checkPin(NO_LEAVES, pinned, { signal })
    const { leaf } = await this.#open(act, { time, traceId, signal })
    const begun = await this.store.createEntry(0, leaf, { signal })
    await this.catchUp({ signal })
    return begun
  }

  /** The leaves from number `from` up to, without, `to`, with what they say. @throws {BackupError} `LOG_CORRUPT`, `RECORD_CORRUPT`, `STORAGE_…` */
  async * entries ({ from = 0, to = Infinity, signal }: AbortOptions & { readonly from?: number, readonly to?: number } = {}): AsyncGenerator<LogEntry> {
    for (let index = from; index < to; index++) {
      const leaf = await this.store.readLeaf(index, { signal })
      if (leaf === undefined) return
      yield { index, leaf, opening: decodeOpening(await this.store.readOpening(leaf, { signal })) }
    }
  }

  /** What leaf `index` says, as the bytes that it commits to. @throws {BackupError} `INVALID_OPTION` without such a leaf; `LOG_CORRUPT` */
  async opening (index: number, options: AbortOptions = {}): Promise<Uint8Array> {
    const leaf = await this.store.readLeaf(index, options)
    if (leaf === undefined) throw new BackupError('INVALID_OPTION', `the log has no leaf ${index}`, { data: { index } })
    return await this.store.readOpening(leaf, options)
  }

  /** Audit path of leaf `index` in the log's first `size` leaves, which a checkpoint covers. */
  async prove (index: number, size: number, options: AbortOptions = {}): Promise<readonly Uint8Array[]> {
    return await proveInclusion(index, size, this.#hashes(size, options))
  }

  /** Proof that the log's first `to` leaves extend its first `from`. */
  async consistency (from: number, to: number, options: AbortOptions = {}): Promise<readonly Uint8Array[]> {
    return await proveConsistency(from, to, this.#hashes(to, options))
  }

  /** True if the log, at `head`, extends `older`. */
  async extends (older: TreeHead, head: TreeHead, options: AbortOptions = {}): Promise<boolean> {
    return older.size <= head.size && verifyConsistency(older, head, await this.consistency(older.size, head.size, options))
  }

  /** The checkpoint of that size, with its cosignatures; undefined when none was made. @throws {BackupError} `LOG_CORRUPT` */
  async checkpointAt (size: number, options: AbortOptions = {}): Promise<SignedCheckpoint | undefined> {
    return await this.#read(checkpointKey(size), options)
  }

  /** Adds cosignatures to a checkpoint, also where it is the newest. Who adds the same twice changes nothing. */
  async cosigned (checkpoint: SignedCheckpoint, signatures: readonly NoteSignature[], options: AbortOptions = {}): Promise<SignedCheckpoint> {
    const stored = await this.checkpointAt(checkpoint.size, options) ?? checkpoint
    const newest = await this.#read(NEWEST_CHECKPOINT_KEY, options).catch(ignoreCorrupt)
    const note = addSignatures(stored.note, signatures)
    const keys = [checkpointKey(checkpoint.size), ...(newest === undefined || newest.size <= checkpoint.size ? [NEWEST_CHECKPOINT_KEY] : [])]
    await Promise.all(keys.map(async key => await this.store.backend.put(key, Buffer.from(formatNote(note)), options)))
    return { ...checkpoint, note }
  }

  async #open (act: Act, { time, traceId, signal }: ActFacts): Promise<{ leaf: Uint8Array, opening: Uint8Array }> {
    const opening = encodeOpening(act, { time, traceId, blind: this.#random(32) })
    return { leaf: await this.store.putOpening(opening, { signal }), opening }
  }

  /** What this host remembers; to be read before the storage, which others may extend meanwhile. */
  async #pinned (): Promise<SignedCheckpoint | undefined> {
    return await this.#pin?.read(this.key)
  }

  async #extend (before: SignedCheckpoint | undefined, pinned: SignedCheckpoint | undefined, options: AbortOptions & Pick<ActFacts, 'announce'>): Promise<SignedCheckpoint | undefined> {
    const old = before ?? NO_LEAVES
    const leaves = this.#signer === undefined ? [] : await this.store.readLeavesFrom(old.size, options)
    if (leaves.length === 0 || this.#signer === undefined) {
      await this.#checkPin(old, pinned, options)
      return before
    }
    const { head, objects } = await growLog(this.store, old, leaves, options)
    await this.#checkPin(head, pinned, options, objects)
    return await this.#publish(head, this.#signer, objects, options)
  }

  /** Tiles first, then the checkpoint of this size, then `checkpoint`: what each names must be there, or nobody could go on from it. */
  async #publish (head: TreeHead, signer: NoteSigner, objects: ReadonlyMap<string, Uint8Array>, { announce = 'now', ...options }: AbortOptions & Pick<ActFacts, 'announce'>): Promise<SignedCheckpoint> {
    const { backend } = this.store
    const note = signCheckpoint(head, signer)
    await Promise.all([...objects].map(async ([key, bytes]) => await backend.put(key, bytes, options)))
    const isNew = await backend.put(checkpointKey(head.size), Buffer.from(note), { ...options, whenPresent: 'keep' })
    const checkpoint = isNew ? openCheckpoint(note, this.key) : await this.#sameCheckpoint(head, options)
    if (announce === 'now') await backend.put(NEWEST_CHECKPOINT_KEY, Buffer.from(formatNote(checkpoint.note)), options)
    await this.#pin?.write(checkpoint, this.key)
    return checkpoint
  }

  async #sameCheckpoint (head: TreeHead, options: AbortOptions): Promise<SignedCheckpoint> {
    const stored = await this.checkpointAt(head.size, options)
    if (stored !== undefined && Buffer.compare(stored.root, head.root) === 0) return stored
    throw new BackupError('LOG_CORRUPT', `the entries of the log do not give the root of its checkpoint of ${head.size} leaves: somebody changed one or the other`, { data: { key: checkpointKey(head.size) } })
  }

  /** The newest checkpoint stored; `checkpoint` itself may be old or damaged, for it is derived. */
  async #newest (pinned: SignedCheckpoint | undefined, options: AbortOptions): Promise<SignedCheckpoint | undefined> {
    const derived = await this.#read(NEWEST_CHECKPOINT_KEY, options).catch(ignoreCorrupt)
    if (derived !== undefined && derived.size >= (pinned?.size ?? 0)) return derived
    const sizes = (await Array.fromAsync(this.store.backend.list(CHECKPOINT_PREFIX, options), ({ key }) => numberOf(key))).filter(size => size !== undefined)
    for (const size of sizes.reverse()) {
      const checkpoint = await this.checkpointAt(size, options).catch(ignoreCorrupt)
      if (checkpoint !== undefined) return checkpoint
    }
    return derived
  }

  async #read (key: string, options: AbortOptions): Promise<SignedCheckpoint | undefined> {
    const note = await this.store.backend.get(key, options)
    if (note === undefined) return undefined
    try {
      return openCheckpoint(note, this.key)
    } catch (error) {
      throw new BackupError('LOG_CORRUPT', `${key}: ${error instanceof Error ? error.message : String(error)}`, { data: { key }, cause: error })
    }
  }

  /** Refuses a head that does not extend what this host has seen. Nothing is signed before. */
  async #checkPin (head: TreeHead, pinned: SignedCheckpoint | undefined, options: AbortOptions, unwritten?: ReadonlyMap<string, Uint8Array>): Promise<void> {
    if (pinned === undefined) return
    const data = { path: this.#pin?.path, remembered: pinned.size, found: head.size }
    const advice = `If this storage is meant to be used from now on, remove ${this.#pin?.path ?? ''}`
    if (pinned.size > head.size) {
      throw new BackupError('LOG_ROLLED_BACK', `the log has ${head.size} leaves, but had ${pinned.size} when this host last saw it: the storage is an older copy. ${advice}`, { data })
    }
    const proof = await proveConsistency(pinned.size, head.size, this.#hashes(head.size, options, unwritten))
    if (verifyConsistency(pinned, head, proof)) return
    throw new BackupError('LOG_ROLLED_BACK', `the log does not go on from its ${pinned.size} leaves that this host has seen: it was written anew. ${advice}`, { data })
  }

  #hashes (size: number, options: AbortOptions, unwritten?: ReadonlyMap<string, Uint8Array>): HashReader {
    return tileHashReader(size, async tile => unwritten?.get(tileKey(tile)) ?? await this.store.readTile(tile, options))
  }
}

function ignoreCorrupt (error: unknown): undefined {
  if (!isBackupError(error, 'LOG_CORRUPT')) throw error
}
