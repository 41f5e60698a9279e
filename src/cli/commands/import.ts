import { resolve } from 'node:path'
import type { Command } from 'commander'
import { importArchive } from '../../engine/import.ts'
import type { ImportedArchive } from '../../engine/import.ts'
import { findView } from '../../engine/snapshot-view.ts'
import { addKeyOptions, archiveKeyOf } from '../archive-key-options.ts'
import type { KeyOptions } from '../archive-key-options.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { counted, printable } from '../printable.ts'
import { outcomeLines, restore } from '../restore-act.ts'
import { makeIntent } from '../restore-intent.ts'
import { shortId } from '../snapshot-text.ts'
import { addTargetOptions, namesTarget } from '../target-options.ts'
import type { TargetOptions } from '../target-options.ts'
import { addTrustOptions, originTrustOf } from '../trusted-keys.ts'
import type { TrustOptions } from '../trusted-keys.ts'

interface ImportOptions extends GlobalOptions, TargetOptions, KeyOptions, TrustOptions {
  readonly as?: string
  readonly restore?: true
  readonly acceptUnsigned?: true
}

export function addImport (program: Command, cli: Cli): void {
  const command = program.command('import').description('Check an archive and take it into the repository as a snapshot; with --restore, or where to, restore it at once.')
    .argument('<file>', 'the archive')
    .option('--as <slug>', 'the project that it becomes a part of (default: --project, else the one it came from)')
    .option('--restore', 'restore it at once')
    .option('--accept-unsigned', 'take it also when nothing that is trusted says where it is from')
  addTargetOptions(addTrustOptions(addKeyOptions(command)))
    .action(async (file: string, _options: unknown, self: Command) => {
      await cli.withRepository(async opened => { await run(cli, opened, file, self.optsWithGlobals<ImportOptions>()) })
    })
  addExamples(command, [
    ['caf import soul.caf', 'as another snapshot of this repository'],
    ['caf import soul.caf --log-key <key>', 'from another one, whose key `caf validator log` prints there'],
    ['caf import soul.caf --as cheshire', 'into a project of that name'],
    ['caf import soul.caf --archive-secret-file old-secret.txt', "one that is encrypted with another secret than the project's"],
    ['caf import soul.caf --as cheshire --to-database cheshire', 'and into a new database at once'],
  ])
}

async function run (cli: Cli, opened: Opened, file: string, options: ImportOptions): Promise<void> {
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
