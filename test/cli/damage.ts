import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { packKey } from '../../src/cas/layout.ts'
import { openRepository } from '../../src/cas/repository.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'

/** Flips a bit in every stored copy of a blob; once more, and it is whole again. Returns how many copies there are. */
export async function flipBit (repositoryFolder: string, plain: Uint8Array | string): Promise<number> {
  const repository = await openRepository(directoryBackend(repositoryFolder))
  const copies = repository.copies(createHash('sha256').update(plain).digest('hex'))
  await repository.close()
  for (const { pack, offset, stored } of copies) {
    const file = await open(join(repositoryFolder, packKey(pack)), 'r+')
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, offset + stored - 1)
    await file.write(Buffer.from([byte[0]! ^ 1]), 0, 1, offset + stored - 1)
    await file.close()
  }
  return copies.length
}
