import { resolve } from 'node:path'
import { importArchive } from '../../engine/import.ts'
import type { ImportedArchive } from '../../engine/import.ts'
import { findView } from '../../engine/snapshot-view.ts'
import { archiveKeyOf } from '../archive-key-options.ts'
import type { KeyOptions } from '../archive-key-options.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { counted, printable } from '../printable.ts'
import { outcomeLines, restore } from '../restore-act.ts'
import { makeIntent } from '../restore-intent.ts'
import { shortId } from '../snapshot-text.ts'
import { namesTarget } from '../target-options.ts'
import type { TargetOptions } from '../target-options.ts'
import { originTrustOf } from '../trusted-keys.ts'
import type { TrustOptions } from '../trusted-keys.ts'

export interface ImportOptions extends GlobalOptions, TargetOptions, KeyOptions, TrustOptions {
  readonly as?: string
  readonly restore?: true
  readonly acceptUnsigned?: true
}

export async function takeIn (cli: Cli, opened: Opened, file: string, options: ImportOptions): Promise<void> {
  const { repository, progress } = opened
  const project = options.as ?? options.project
  const key = await archiveKeyOf(options, opened.config, cli.terminal)
  const imported = await importArchive(repository, resolve(cli.terminal.cwd, file), {
    ...await opened.electorate(), project, ...key, trusted: await originTrustOf(options, cli.terminal.cwd), unproven: options.acceptUnsigned === true ? 'accept' : 'refuse',
    signal: cli.signal, onProgress: progress.onProgress,
  })
  const restored = options.restore === true || namesTarget(options) ? await restoreImported(cli, opened, imported, options) : undefined
  progress.stop()
  await cli.output.result({ ...imported, ...(restored !== undefined && { restored }) }, () => {
    for (const line of linesOf(imported, file)) cli.output.line(line)
    if (restored !== undefined) for (const line of outcomeLines(restored)) cli.output.line(line)
  })
}

async function restoreImported (cli: Cli, opened: Opened, { id }: ImportedArchive, options: ImportOptions): ReturnType<typeof restore> {
  return await restore(cli, opened, id, await makeIntent(cli, opened, await findView(opened.repository, id), { ...options, strategy: 'incremental', preserveHistory: true }))
}

function linesOf ({ id, project, nodes, sizeBytes, storedBytes, origin }: ImportedArchive, file: string): string[] {
  const proven = origin.proven ? `proven: it is from ${origin.log}${origin.cosignedBy.length > 0 ? `, cosigned by ${origin.cosignedBy.join(', ')}` : ''}` : `intact, origin unproven: ${origin.why}`
  return [proven, `imported ${printable(file)} as snapshot ${shortId(id)} of project ${printable(project)}: ${counted(nodes, 'node')}, ${formatBytes(sizeBytes)}; ${formatBytes(storedBytes)} new in the repository`]
}
