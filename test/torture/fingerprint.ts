import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import type { Repository } from '../../src/cas/repository.ts'
import { restoreItem } from '../../src/engine/restore-item.ts'
import { readNodes } from '../../src/engine/snapshot-view.ts'
import type { SnapshotView } from '../../src/engine/snapshot-view.ts'
import type { Artifact, Content, FileEntry, RestoreItem } from '../../src/sources/source.ts'
import type { Bytes } from '../../src/stream.ts'

/** What each artifact holds, by id: equal iff every byte, row and file is. */
export type Contents = ReadonlyMap<string, string>

/** SHA-256 of all that a content says. */
export async function fingerprint (content: Content): Promise<string> {
  const hash = createHash('sha256')
  if (content.form !== 'files') await addBytes(hash, content.read())
  else for await (const entry of content.entries()) await addEntry(hash, entry)
  return hash.digest('hex')
}

async function addBytes (hash: Hash, bytes: Bytes): Promise<void> {
  for await (const piece of bytes) hash.update(piece)
}

async function addEntry (hash: Hash, entry: FileEntry): Promise<void> {
  const { path, type, mode, mtimeNs, sizeBytes, target = null } = entry
  hash.update(`${JSON.stringify([path, type, mode, mtimeNs.toString(), sizeBytes, target])}\n`)
  if (entry.read !== undefined) await addBytes(hash, entry.read())
}

export async function contentsOf (artifacts: AsyncIterable<Artifact>): Promise<Contents> {
  const contents = new Map<string, string>()
  for await (const { id, content } of artifacts) contents.set(id, await fingerprint(content))
  return contents
}

/** Reads every byte of a snapshot as a restore reads it. @throws {BackupError} where something is damaged */
export async function readSnapshot (repository: Repository, view: SnapshotView): Promise<Contents> {
  const contents = new Map<string, string>()
  for await (const { node } of readNodes(view, repository)) {
    contents.set(node.id, await fingerprint(contentOf(restoreItem(node, { blobs: repository, ...repository.config }))))
  }
  return contents
}

/** The content of an item as a source would give it. */
export function contentOf (item: RestoreItem): Content {
  if (item.kind === 'files') return { form: 'files', entries: () => item.entries() }
  return { form: 'bytes', read: () => item.read() }
}

/** What differs, in words; undefined when nothing does. */
export function differenceOf (found: Contents, wanted: Contents): string | undefined {
  for (const [id, hash] of wanted) {
    if (!found.has(id)) return `${id} is missing`
    if (found.get(id) !== hash) return `${id} has another content`
  }
  for (const id of found.keys()) if (!wanted.has(id)) return `${id} should not be there`
  return undefined
}
