import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { importArchive } from '../../src/caf/archive-import.ts'
import type { OpenArchiveOptions } from '../../src/caf/archive-reader.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { collect } from '../../src/stream.ts'
import { MemoryBlobs } from '../caf/memory-blobs.ts'

const secret = 'the published secret of the sample archives'
/** Of the test vectors of age: one of the archive's recipients. */
const identity = 'AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0'

describe('a published archive', () => {
  it.each<[string, string, OpenArchiveOptions]>([
    ['that is open', 'open-1.caf', {}],
    ['that is encrypted, with its secret', 'encrypted-1.caf', { secret }],
    ['that is encrypted, with the key of a recipient', 'encrypted-1.caf', { identity }],
    ['that is encrypted as one file, with its secret', 'encrypted-2.caf', { secret }],
    ['that is encrypted as one file, with the key of a recipient', 'encrypted-2.caf', { identity }],
  ])('%s, opens and imports as ever', async (_, name, options) => {
    const archive = await openArchive(fileURLToPath(new URL(`archives/${name}`, import.meta.url)), options)
    const { root, nodes } = await importArchive({ archive, blobs: new MemoryBlobs() })
    expect([root.toString(), nodes]).toMatchInlineSnapshot(`
      [
        "bafyreihy76khi2n4rq3afhfb376djc7jat6he6cqlwe2x55ayr4b6ufswi",
        4,
      ]
    `)
    expect(Buffer.from(await collect(archive.read('storage/notes/today.txt'), { limit: 100 })).toString()).toBe('hello\n')
    await archive.close()
  })
})
