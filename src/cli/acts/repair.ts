import { resolve } from 'node:path'
import type { Repository } from '../../cas/repository.ts'
import { openDonor } from '../../config/open-config.ts'
import { repairRepository } from '../../engine/repair.ts'
import type { RepairOutcome } from '../../engine/repair.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { EXIT } from '../exit-status.ts'
import { hitText } from '../finding-text.ts'
import type { Output } from '../output.ts'
import { counted, printable } from '../printable.ts'

export interface RepairOptions extends GlobalOptions {
  readonly from?: readonly string[]
  readonly fromSources?: true
  readonly recompute?: true
  readonly dryRun?: true
}

export async function repair (cli: Cli, options: RepairOptions): Promise<void> {
  await cli.withRepository(async opened => {
    const outcome = await withDonors(cli, opened, options.from ?? [], async donors => await repairRepository(opened.repository, {
      donors, signal: cli.signal, onProgress: opened.progress.onProgress, dryRun: options.dryRun === true,
      sources: options.fromSources === true ? await opened.sources() : [], recipes: options.recompute === true ? await opened.recipes() : [],
    }))
    opened.progress.stop()
    await cli.output.result({ dryRun: options.dryRun === true, ...outcome }, () => { print(cli.output, outcome, options) })
    if (outcome.lost.length + outcome.left.length > 0) cli.status = EXIT.damaged
  })
}

async function withDonors<T> (cli: Cli, { config }: Opened, folders: readonly string[], act: (donors: readonly Repository[]) => Promise<T>): Promise<T> {
  const donors: Repository[] = []
  try {
    for (const folder of folders) donors.push(await openDonor(config, resolve(cli.terminal.cwd, folder), { signal: cli.signal }))
    return await act(donors)
  } finally {
    for (const donor of donors) {
      await donor.close()
      await donor.backend.close()
    }
  }
}

function print (output: Output, { listed, rewritten, removedSegments, healed, healedRecords, log, lost, left, notes }: RepairOutcome, { dryRun }: RepairOptions): void {
  const made = `${counted(listed.length, 'pack')} listed again, ${counted(rewritten.length, 'pack')} made whole, ${counted(removedSegments.length, 'damaged segment')} removed`
  output.line(dryRun === true ? `would be: ${made}; nothing was changed` : `${made}; cache and catalogue made anew`)
  for (const [from, blobs] of Map.groupBy(healed, one => one.from)) output.line(`${counted(blobs.length, 'blob')} ${dryRun === true ? 'could be ' : ''}healed from ${printable(from)}`)
  for (const { key, from } of healedRecords) output.line(`record ${printable(key)} ${dryRun === true ? 'could be ' : ''}healed from ${printable(from)}`)
  for (const key of log) output.line(`${printable(key)} ${dryRun === true ? 'could be ' : ''}made anew`)
  for (const note of notes) output.line(`note: ${printable(note)}`)
  for (const { code, message, key } of left) output.line(`left as it is: ${printable(message)} (${printable(key)}) [${code}]`)
  for (const { code, message, affected } of lost) output.line([`lost: ${printable(message)} [${code}]`, ...affected.map(hit => `  hits ${hitText(hit)}`)].join('\n'))
}
