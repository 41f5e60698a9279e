import * as v from 'valibot'
import { fits } from '../shape.ts'
import type { Shaped } from '../shape.ts'
import type { SnapshotView } from './snapshot-view.ts'

const Statement = v.object({
  validator: v.string(),
  accepts: v.boolean(),
  checked: v.picklist(['log', 'dag', 'data']),
  host: v.exactOptional(v.string()),
  key: v.exactOptional(v.string()),
  self: v.exactOptional(v.literal(true)),
})

/** What one validator said of a snapshot, as its commit record has it. Only a proof against known keys shows that it did. */
export interface Validation {
  readonly validator: string
  /** False also for who could not look. */
  readonly accepts: boolean
  /** That the log grows; the graph too; or the data too. */
  readonly checked: 'log' | 'dag' | 'data'
  /** Where it ran, or was asked. */
  readonly host?: string
  /** Verifier key of its cosignature. */
  readonly key?: string
  /** True if it ran where the snapshot was made. */
  readonly self: boolean
}

/** The validators' verdicts; of what is no verdict nothing. */
export function validationsOf ({ statements }: Pick<SnapshotView, 'statements'>): Validation[] {
  return statements.filter((statement): statement is Shaped<typeof Statement> => fits(Statement, statement)).map(({ validator, accepts, checked, host, key, self = false }) => ({
    validator, accepts, checked, self, ...(host === undefined ? {} : { host }), ...(key === undefined ? {} : { key }),
  }))
}

/** True if nobody but the host that made the snapshot has vouched for it: many keys on one host prove what one does. */
export function isSelfValidated (view: Pick<SnapshotView, 'statements' | 'validatedBy'>): boolean {
  const accepting = validationsOf(view).filter(({ accepts, checked, validator }) => accepts && checked !== 'log' && view.validatedBy.includes(validator))
  return accepting.length > 0 && accepting.every(({ self }) => self)
}
