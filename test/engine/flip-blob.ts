import { packKey } from '../../src/cas/layout.ts'
import type { Address } from '../../src/cas/blob-store.ts'
import type { Repository } from '../../src/cas/repository.ts'

/** Turns over one bit in every stored copy of a blob; done once more, all is as it was. */
export async function flipBlob ({ backend, index }: Repository, address: Address): Promise<void> {
  const copies = index.find(address)
  if (copies.length === 0) throw new Error(`blob ${address} is not stored`)
  for (const { pack, offset, stored } of copies) {
    const bytes = Buffer.from((await backend.get(packKey(pack)))!)
    bytes[offset + stored - 1]! ^= 1
    await backend.put(packKey(pack), bytes)
  }
}
