import { archiveTargets } from './archive-targets.ts'
import { blockTargets } from './block-targets.ts'
import { keyTargets } from './key-targets.ts'
import { storageTargets } from './storage-targets.ts'
import type { FuzzTarget } from './target.ts'
import { textTargets } from './text-targets.ts'
import { trustTargets } from './trust-targets.ts'

/** Every parser of what others may have written. Whoever adds one adds it to one of these. */
export async function fuzzTargets (folder: string): Promise<FuzzTarget[]> {
  return [...await storageTargets(), ...await blockTargets(), ...await archiveTargets(folder), ...await textTargets(), ...trustTargets(), ...await keyTargets()]
}
