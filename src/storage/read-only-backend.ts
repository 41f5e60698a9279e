import { BackupError } from '../errors.ts'
import { ForwardingBackend } from './forwarding-backend.ts'
import type { StorageBackend } from './storage-backend.ts'

class ReadOnlyBackend extends ForwardingBackend {
  override async put (key: string): Promise<never> {
    throw this.#refusal('write', key)
  }

  override async delete (key: string): Promise<never> {
    throw this.#refusal('delete', key)
  }

  #refusal (verb: string, key: string): BackupError {
    return new BackupError('STORAGE_DENIED', `cannot ${verb} ${key}: ${this.location} is opened for reading only`, { data: { key } })
  }
}

/** Reads as `inner` does; `put` and `delete` reject with `STORAGE_DENIED`. */
export function readOnlyBackend (inner: StorageBackend): StorageBackend {
  return new ReadOnlyBackend(inner)
}
