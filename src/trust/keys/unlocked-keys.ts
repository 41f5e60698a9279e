import { inspect } from 'node:util'
import { BackupError } from '../../errors.ts'
import { sealingKeyOf } from '../../cas/sealing.ts'
import type { Sealing, SealingKey } from '../../cas/sealing.ts'
import { unwrapWithIdentities } from './age-file.ts'
import type { OpenGeneration } from './generation.ts'
import type { LogSeedOwner } from './log-key.ts'

/** The keys of a repository, opened. Nothing of it may be printed; only the generation and the recipient are public. */
export class UnlockedKeys implements Sealing, LogSeedOwner {
  /** The number of the generation that is in use, from 1. */
  readonly generation: number
  /** `age1…` of that generation: writers without a key seal for it. */
  readonly recipient: string
  readonly current: SealingKey
  readonly slots: readonly Uint8Array[]
  readonly logSeed: Uint8Array
  /** The newest first; those before the first one that is lost are not there. */
  readonly #generations: readonly OpenGeneration[]
  readonly #sessionKeys = new Map<string, Promise<SealingKey | undefined>>()

  constructor (newest: OpenGeneration, older: readonly OpenGeneration[], slots: readonly Uint8Array[]) {
    this.#generations = [newest, ...older]
    this.generation = newest.number
    this.recipient = newest.recipient
    this.current = newest.key
    this.logSeed = newest.logSeed
    this.slots = slots
  }

  /** The newest generation with its identity: for what changes keys, and for recovery sheets. */
  get newest (): OpenGeneration {
    return this.#generations[0]!
  }

  /** True if `recipient` is that of any generation. */
  hasRecipient (recipient: string): boolean {
    return this.#generations.some(generation => generation.recipient === recipient)
  }

  /** What may be printed. */
  toJSON (): { readonly generation: number, readonly recipient: string } {
    return { generation: this.generation, recipient: this.recipient }
  }

  [inspect.custom] (): string {
    return `UnlockedKeys ${JSON.stringify(this)}`
  }

  /** @throws {BackupError} `SEAL_BROKEN` for a damaged `wrap` */
  async find (id: string, wrap?: Uint8Array): Promise<SealingKey | undefined> {
    const known = this.#generations.find(({ key }) => key.id === id)?.key
    if (known !== undefined || wrap === undefined) return known ?? await this.#sessionKeys.get(id)
    const opening = this.#sessionKeys.get(id) ?? this.#openWrap(id, wrap)
    this.#sessionKeys.set(id, opening)
    return await opening
  }

  async #openWrap (id: string, wrap: Uint8Array): Promise<SealingKey | undefined> {
    try {
      const bytes = await unwrapWithIdentities(wrap, this.#generations.map(({ identity }) => identity))
      const key = bytes && sealingKeyOf(bytes)
      if (key === undefined || key.id === id) return key
      throw new BackupError('SEAL_BROKEN', `a header names key ${id} and has key ${key.id}`, { data: { key: id } })
    } catch (error) {
      this.#sessionKeys.delete(id) // another header may have it undamaged
      throw error
    }
  }
}
