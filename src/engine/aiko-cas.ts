import { BackupError } from '../errors.ts'
import { isAddress } from '../cas/address.ts'
import type { Repository } from '../cas/repository.ts'
import { canonicalJson, parseCanonicalJson } from '../sources/agents/canonical-json.ts'
import type { ContentAddressableStorage } from './contract.ts'
import { collectGarbage } from './garbage.ts'

/**
 * The contract's storage over a repository. Values are kept as canonical JSON, bytes as they are; the address is the SHA-256 of that.
 * What no snapshot refers to goes with the next garbage collection.
 */
export class AikoCAS implements ContentAddressableStorage {
  readonly #repository: Repository

  constructor (repository: Repository) {
    this.#repository = repository
  }

  /**
   * Durable when it returns. `metadata` is for the caller's own account: equal contents are one blob, whoever stores them.
   * @throws {BackupError} `INVALID_OPTION` for what is not JSON or has more than 16 MiB; `STORAGE_…`
   */
  async store (content: unknown, _metadata?: Record<string, unknown>): Promise<string> {
    const bytes = content instanceof Uint8Array ? content : canonicalJson(content)
    const writer = await this.#repository.openWriter()
    try {
      const { address } = await writer.put(bytes)
      await writer.flush()
      return address
    } finally {
      await writer.discard()
    }
  }

  /** The value; a `Uint8Array` when the bytes are not canonical JSON. @throws {BackupError} `BLOB_MISSING`, `BLOB_CORRUPT`, `INVALID_OPTION` */
  async retrieve (hash: string): Promise<unknown> {
    const bytes = await this.#repository.get(checked(hash))
    if (bytes === undefined) throw new BackupError('BLOB_MISSING', `no content with the hash ${hash}`, { data: { address: hash } })
    const parsed = parseCanonicalJson(bytes)
    return parsed === undefined ? bytes : parsed.value
  }

  exists (hash: string): boolean {
    return isAddress(hash) && this.#repository.hasSync(hash)
  }

  async delete (hash: string): Promise<boolean> {
    if (!this.exists(hash)) return false
    await collectGarbage(this.#repository, { only: [hash] })
    return !this.exists(hash)
  }

  async list (): Promise<string[]> {
    return await Array.fromAsync(this.#repository.list())
  }
}

function checked (hash: string): string {
  if (!isAddress(hash)) throw new BackupError('INVALID_OPTION', `${hash} is not a SHA-256 in lower-case hex`)
  return hash
}
