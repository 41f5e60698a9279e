import type { RegenerationPolicy } from '../../engine/contract.ts'
import { abortRestore, resumeRestore } from '../../engine/restore.ts'
import type { RestoreRecord } from '../../engine/restore-journal.ts'
import { BackupError } from '../../errors.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { restore, showOutcome, showPlan } from '../restore-act.ts'
import { decodeIntent, makeIntent } from '../restore-intent.ts'
import type { RestoreWish } from '../restore-intent.ts'
import { selectionOf } from '../selection-options.ts'
import type { SelectionOptions } from '../selection-options.ts'
import { findSnapshot } from '../snapshot-reference.ts'
import { shortId } from '../snapshot-text.ts'
import type { TargetOptions } from '../target-options.ts'

export interface RestoreOptions extends GlobalOptions, SelectionOptions, TargetOptions {
  readonly strategy?: RegenerationPolicy['strategy']
  /** False with `--no-preserve-history`. */
  readonly preserveHistory: boolean
  readonly dryRun?: true
  readonly resume?: true
  readonly abort?: true
}

export async function bringBack (cli: Cli, reference: string | undefined, options: RestoreOptions): Promise<void> {
  const { resume, abort, dryRun } = options
  if ([reference, resume, abort].filter(given => given !== undefined).length !== 1) {
    throw new BackupError('INVALID_OPTION', 'name a snapshot (`latest`, say), or say --resume or --abort')
  }
  await cli.withRepository(async opened => {
    if (abort === true) return await abortPending(cli, opened)
    if (resume === true) return await resumePending(cli, opened)
    const snapshot = await findSnapshot(opened, reference ?? '')
    const intent = await makeIntent(cli, opened, snapshot, wishOf(options))
    if (dryRun === true) return await showPlan(cli, opened, snapshot.id, intent)
    await showOutcome(cli, await restore(cli, opened, snapshot.id, intent))
  })
}

function wishOf (options: RestoreOptions): RestoreWish {
  const select = selectionOf(options)
  const { strategy = select === undefined ? 'incremental' : 'selective' } = options
  if (select !== undefined && strategy !== 'selective') throw new BackupError('INVALID_OPTION', `--strategy ${strategy} restores everything; leave it out to restore a part`)
  return { ...options, strategy, ...(select !== undefined && { select }) }
}

async function abortPending (cli: Cli, { repository, restorersFor }: Opened): Promise<void> {
  const { snapshot } = await abortRestore(repository, async record => await restorersFor(decodeIntent(record).targets))
  await cli.output.result({ aborted: snapshot }, () => { cli.output.line(`undid the restore of snapshot ${shortId(snapshot)}; everything is as it was before`) })
}

/** Clears up what was cut off and restores again: what is back already is left alone. */
async function resumePending (cli: Cli, opened: Opened): Promise<void> {
  const record: RestoreRecord = await resumeRestore(opened.repository, async pending => await opened.restorersFor(decodeIntent(pending).targets))
  await showOutcome(cli, await restore(cli, opened, record.snapshot, decodeIntent(record)))
}
