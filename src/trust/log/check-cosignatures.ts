import { isBackupError } from '../../errors.ts'
import type { StoredLog } from './check-leaves.ts'
import type { StoredRecords } from './check-records.ts'
import { verifyCosignature } from './cosignature.ts'
import { corruptFinding } from './log-finding.ts'
import type { LogFinding } from './log-finding.ts'
import { parseVkey } from './note-key.ts'
import type { NoteKey } from './note-key.ts'
import type { NoteSignature } from './signed-note.ts'

/** Checks the cosignatures that are stored with checkpoints, by the keys that commit records name. */
export function * checkCosignatures ({ outcomes }: StoredRecords, { checkpoints }: Pick<StoredLog, 'checkpoints'>, log: NoteKey): Generator<LogFinding> {
  const keys = validatorKeys(outcomes)
  for (const [at, { note: { text, signatures } }] of checkpoints) {
    for (const signature of signatures.filter(each => !isOf(log, each))) {
      const key = keys.find(each => isOf(each, signature))
      if (key === undefined) yield { ...corruptFinding(at, `has a signature of ${signature.name}, which no commit record names`), severity: 'warning' }
      else if (verifyCosignature(text, key, signature) === undefined) yield corruptFinding(at, `has a wrong cosignature of ${signature.name}; it stands in a commit record too`)
    }
  }
}

/** The keys of all validators that ever took part. */
function validatorKeys (outcomes: StoredRecords['outcomes']): NoteKey[] {
  const vkeys = new Set<string>()
  for (const outcome of outcomes.values()) {
    if (outcome === 'none' || outcome === 'damaged') continue
    for (const statement of outcome.statements) {
      if (typeof statement === 'object' && statement !== null && 'key' in statement && typeof statement.key === 'string') vkeys.add(statement.key)
    }
  }
  return [...vkeys].flatMap(keyOrNone)
}

function keyOrNone (vkey: string): NoteKey[] {
  try {
    return [parseVkey(vkey)]
  } catch (error) {
    if (isBackupError(error, 'PROOF_INVALID')) return []
    throw error
  }
}

function isOf ({ name, id }: NoteKey, signature: NoteSignature): boolean {
  return signature.name === name && signature.id === id
}
