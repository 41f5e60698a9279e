/**
 * Makes `test/compat/archives/encrypted-2.caf`, a small archive of format 2 that every later version must open, of the snapshot in `open-1.caf`.
 * That one and `encrypted-1.caf` are by version 0.1.
 *   node test/compat/write-archives.ts
 * Run it only to make archives for a new format, under new names; those that are committed stay as they are.
 */
import { createWriteStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { importArchive } from '../../src/caf/archive-import.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { MemoryBlobs } from '../caf/memory-blobs.ts'

const folder = new URL('archives/', import.meta.url)
const archive = await openArchive(fileURLToPath(new URL('open-1.caf', folder)))
const blobs = new MemoryBlobs()
const { root } = await importArchive({ archive, blobs })
await archive.close()
// Published, so no secret; the recipient is that of the test vectors of age.
const encryption = { secret: 'the published secret of the sample archives', recipients: ['age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef'] }
await writeArchive({ snapshot: root, blobs, generator: 'caf 0.1.0', encryption }, createWriteStream(new URL('encrypted-2.caf', folder)))
