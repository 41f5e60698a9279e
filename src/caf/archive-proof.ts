import { collect } from '../stream.ts'
import { BackupError } from '../errors.ts'
import type { EntryStore } from './entry-store.ts'
import type { ManifestEntry } from './manifest.ts'

/** Where the proof that the snapshot stands in its repository's log is kept (docs/format.md, "Archive"). */
export const PROOF_PATH = 'proof/snapshot.tlog-proof'
const PROOF_LIMIT_BYTES = 1024 * 1024

/** The proof's text, or undefined if the archive has none. @throws {BackupError} `ARCHIVE_TOO_LARGE`, `ARCHIVE_CORRUPT` */
export async function readArchiveProof (store: EntryStore, entries: readonly ManifestEntry[]): Promise<string | undefined> {
  const entry = entries.find(({ path }) => path === PROOF_PATH)
  if (entry === undefined) return undefined
  if (entry.size > PROOF_LIMIT_BYTES) throw new BackupError('ARCHIVE_TOO_LARGE', `${store.path}: ${PROOF_PATH} has ${entry.size} bytes, a proof at most ${PROOF_LIMIT_BYTES}`, { data: { path: store.path } })
  return Buffer.from(await collect(store.read(PROOF_PATH), { limit: PROOF_LIMIT_BYTES })).toString()
}
