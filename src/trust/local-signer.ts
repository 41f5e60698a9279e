import { hkdfSync } from 'node:crypto'
import { noteSigner, SIGNATURE_TYPE } from './log/note-key.ts'
import type { NoteSigner } from './log/note-key.ts'

/** The key of a validator on the host that makes the snapshots: derived of the log's seed, so who can sign the log can be it. (format.md § Validators) */
export function localSigner (logSeed: Uint8Array, repositoryId: string, name = 'local'): NoteSigner {
  const seed = Buffer.from(hkdfSync('sha256', logSeed, '', `caf/validator/${name}`, 32))
  return noteSigner(`caf/${repositoryId}/${name}`, seed, SIGNATURE_TYPE.cosignature)
}
