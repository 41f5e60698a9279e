import type { Opening } from '../trust/log/opening.ts'
import { counted } from './printable.ts'
import { formatBytes } from './byte-size.ts'
import { shortId } from './snapshot-text.ts'

/** What a leaf of the log says, without when and within which operation. */
export function openingText (opening: Opening): string {
  switch (opening.kind) {
    case 'created': return `repository ${shortId(opening.repository)}`
    case 'adopted': return `${counted(opening.snapshots.length, 'snapshot')} from before there was a log`
    case 'snapshot': return `${shortId(opening.snapshot)} proposed in ${opening.project}`
    case 'committed': return `${shortId(opening.snapshot)}, validated by ${opening.validatedBy.join(', ')}`
    case 'abandoned':
    case 'forgotten': return shortId(opening.snapshot)
    case 'restored': return `${shortId(opening.snapshot)} to ${opening.targets.join(', ')}`
    case 'exported': return shortId(opening.snapshot)
    case 'collected': return `${counted(opening.packs, 'pack')}, ${formatBytes(opening.freedBytes)} freed`
    case 'key': return [opening.act, opening.slot && shortId(opening.slot), opening.label, opening.generation && `generation ${opening.generation}`].filter(Boolean).join(' ')
  }
}
