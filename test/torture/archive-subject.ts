import { readFile, writeFile } from 'node:fs/promises'
import { importArchive } from '../../src/caf/archive-import.ts'
import { openArchive } from '../../src/caf/archive-reader.ts'
import { isBackupError } from '../../src/errors.ts'
import { MemoryBlobs } from '../caf/memory-blobs.ts'
import type { FlipFixture } from './flip-fixture.ts'
import type { Part, Subject } from './structures.ts'
import { demand, lineOf } from './violation.ts'

const END_SIGNATURE = Buffer.from('PK\x05\x06', 'latin1')
const DIRECTORY_HEADER_BYTES = 46
const LOCAL_HEADER_BYTES = 30
const CONTENT_SAMPLE = 40
/** Their content is structure itself. */
const STRUCTURAL = ['manifest.json', 'dag.car']
const STRUCTURAL_SAMPLE = 400

/** An archive, and the same in another place for each try. */
export async function * archiveSubjects ({ archive }: FlipFixture): AsyncGenerator<Subject> {
  const bytes = await readFile(archive)
  const damagedPath = `${archive}.damaged`
  yield {
    name: 'archive',
    bytes,
    parts: zipParts(bytes),
    async suffer (damaged) {
      await writeFile(damagedPath, damaged)
      const error: unknown = await bringIn(damagedPath).then(() => undefined, (reason: unknown) => reason)
      demand(error !== undefined, 'it is imported all the same')
      demand(isBackupError(error, 'ARCHIVE_INVALID', 'ARCHIVE_UNSAFE', 'ARCHIVE_CORRUPT', 'ARCHIVE_TOO_LARGE', 'FORMAT_UNKNOWN'), `it is refused with ${lineOf(error)}`, error)
    },
  }
}

async function bringIn (path: string): Promise<void> {
  const archive = await openArchive(path)
  try {
    await importArchive({ archive, blobs: new MemoryBlobs() })
  } finally {
    await archive.close()
  }
}

/** Headers, contents, directory, end and seal of a ZIP without ZIP64, which small archives are. */
function zipParts (bytes: Buffer): Part[] {
  const end = bytes.lastIndexOf(END_SIGNATURE)
  const directory = bytes.readUInt32LE(end + 16)
  const parts: Part[] = []
  for (let at = directory; at < end;) {
    const [stored, name, extra, comment, local] = [bytes.readUInt32LE(at + 20), bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32), bytes.readUInt32LE(at + 42)]
    const path = bytes.toString('utf8', at + DIRECTORY_HEADER_BYTES, at + DIRECTORY_HEADER_BYTES + name)
    const content = local + LOCAL_HEADER_BYTES + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    parts.push({ name: 'local header', start: local, end: content })
    parts.push({ name: STRUCTURAL.includes(path) ? path : 'content', start: content, end: content + stored, sample: STRUCTURAL.includes(path) ? STRUCTURAL_SAMPLE : CONTENT_SAMPLE })
    at += DIRECTORY_HEADER_BYTES + name + extra + comment
  }
  parts.push(...gaps(parts, directory))
  parts.push({ name: 'directory', start: directory, end }, { name: 'end', start: end, end: end + 22 }, { name: 'seal', start: end + 22, end: bytes.length })
  return parts
}

/** What stands between contents and the next header: descriptors of sizes that were not known before. */
function gaps (parts: readonly Part[], end: number): Part[] {
  const starts = [...parts.filter(({ name }) => name === 'local header').map(({ start }) => start), end]
  const ends = parts.filter(({ name }) => name !== 'local header').map(part => part.end)
  return ends.map((start, i) => ({ name: 'descriptor', start, end: starts[i + 1]! })).filter(part => part.end > part.start)
}
