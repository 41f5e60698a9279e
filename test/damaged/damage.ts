import type { StorageBackend } from '../../src/storage/storage-backend.ts'

/** The object with one bit of the byte at `position` turned over. */
export async function flipBit (backend: StorageBackend, key: string, position: number, bit = 0): Promise<void> {
  const bytes = Buffer.from((await backend.get(key))!)
  bytes[position]! ^= 1 << bit
  await backend.put(key, bytes)
}

/** The object without its last bytes. */
export async function truncate (backend: StorageBackend, key: string, length: number): Promise<void> {
  await backend.put(key, (await backend.get(key, { length }))!)
}

export async function keysBelow (backend: StorageBackend, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(backend.list(prefix))).map(entry => entry.key)
}

/** Everything a backend holds, to put it back after damage. */
export async function contentOf (backend: StorageBackend): Promise<Map<string, Uint8Array>> {
  const content = new Map<string, Uint8Array>()
  for (const key of await keysBelow(backend, '')) content.set(key, (await backend.get(key))!)
  return content
}

export async function restoreContent (backend: StorageBackend, content: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const key of await keysBelow(backend, '')) if (!content.has(key)) await backend.delete(key)
  for (const [key, bytes] of content) await backend.put(key, bytes)
}
