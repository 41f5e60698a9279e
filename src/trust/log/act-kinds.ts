import type { ActKind } from './opening.ts'

/** Every kind of act that a leaf of the log can stand for. */
export const ACT_KINDS: readonly ActKind[] = ['created', 'adopted', 'snapshot', 'committed', 'abandoned', 'forgotten', 'restored', 'collected', 'exported', 'key']
