import { BackupError, isBackupError, systemCode } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'

export interface TargetErrorContext extends AbortOptions {
  /** What was being done, as in "cannot <action>". */
  readonly action: string
  /** The artifact that it was done for. */
  readonly item?: string | undefined
}

/** The typed error for whatever `pg` or the target threw; `BackupError`s (a damaged chunk, say) and reasons of an abort pass through. */
function asTargetError (error: unknown, { action, item }: TargetErrorContext): unknown {
  if (isBackupError(error) || (error instanceof Error && error.name === 'AbortError')) return error
  const text = error instanceof Error ? error.message : String(error)
  const state = systemCode(error)
  return new BackupError('TARGET_FAILED', `cannot ${action}: ${text}`, { cause: error, data: { ...(item !== undefined && { item }), ...(state !== undefined && { state }) } })
}

/** Runs `act`; what fails in it names the item. When the signal is aborted it rejects with the signal's reason. */
export async function forItem<T> (context: TargetErrorContext, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    context.signal?.throwIfAborted()
    throw asTargetError(error, context)
  }
}
