/**
 * Makes `test/compat/archives/`, small archives of format 1 that every later version must open.
 *   node test/compat/write-archives.ts
 * Run it only to make archives for a new format, under new names; those that are committed stay as they are.
 */
import { createWriteStream } from 'node:fs'
import { writeArchive } from '../../src/caf/archive-writer.ts'
import { artifact, buildSnapshot, bytesContent, filesContent, noise, rowsContent } from '../caf/sample-snapshot.ts'

const folder = new URL('archives/', import.meta.url)
const { root, blobs } = await buildSnapshot([
  artifact('db/rows/public.words', 'pg.rows', rowsContent(Array.from({ length: 200 }, (_, i) => `${i}\tword ${i}\n`).join(''), ['id', 'word'], [{ order: 'integer' }]), { attributes: { schema: 'public', table: 'words' } }),
  artifact('mind/collection/memories', 'qdrant.collection', bytesContent(noise('vectors', 2_000)), { attributes: { collection: 'memories', points: 3 } }),
  artifact('files/tree', 'files', filesContent([{ path: 'notes' }, { path: 'notes/today.txt', bytes: 'hello\n' }, { path: 'notes/empty', bytes: '' }])),
  artifact('agents/output/plan', 'agent.output', bytesContent('{"answer":42}'), { attributes: { output: 'plan' } }),
])
const options = { snapshot: root, blobs, generator: 'caf 0.1.0' }
await writeArchive(options, createWriteStream(new URL('open-1.caf', folder)))
// Published, so no secret; the recipient is that of the test vectors of age.
const encryption = { secret: 'the published secret of the sample archives', recipients: ['age1xmwwc06ly3ee5rytxm9mflaz2u56jjj36s0mypdrwsvlul66mv4q47ryef'] }
await writeArchive({ ...options, encryption }, createWriteStream(new URL('encrypted-1.caf', folder)))
