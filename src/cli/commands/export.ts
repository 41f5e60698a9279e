import { resolve } from 'node:path'
import type { Command } from 'commander'
import { exportArchive } from '../../engine/export.ts'
import { BackupError } from '../../errors.ts'
import { formatBytes } from '../byte-size.ts'
import { addEncryptionOptions, encryptionOf } from '../archive-key-options.ts'
import type { EncryptionOptions } from '../archive-key-options.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { wholeNumber } from '../option-values.ts'
import { counted } from '../printable.ts'
import { addSelectionOptions, selectionOf } from '../selection-options.ts'
import type { SelectionOptions } from '../selection-options.ts'
import { findSnapshot } from '../snapshot-reference.ts'
import { shortId } from '../snapshot-text.ts'

interface ExportOptions extends GlobalOptions, SelectionOptions, EncryptionOptions {
  readonly brainVersion?: string
  readonly totalMemories?: number
}

export function addExport (program: Command, cli: Cli): void {
  const command = program.command('export').description('Write a snapshot, or a part of it, as a .caf archive, which opens with any unzip.')
    .argument('<snapshot>', 'an id or the beginning of one, a root CID, latest, or <project>/latest')
    .argument('<file>', 'the archive; - for stdout')
  addEncryptionOptions(addSelectionOptions(command).optionsGroup('Options:'))
    .option('--brain-version <version>', "for the archive's manifest")
    .option('--total-memories <n>', "for the archive's manifest (default: the number of points)", wholeNumber(0))
    .action(async (reference: string, file: string, _options: unknown, self: Command) => {
      await run(cli, reference, file, self.optsWithGlobals<ExportOptions>())
    })
  addExamples(command, [
    ['caf export latest soul.caf', 'everything'],
    ['caf export latest facts.caf --table public.facts', 'one table and what it needs'],
    ['caf export latest soul.caf --encrypt', 'for JWT_SECRET alone'],
    ['caf export latest - | ssh backup.example "cat > soul.caf"', 'to another machine'],
  ])
}

async function run (cli: Cli, reference: string, file: string, options: ExportOptions): Promise<void> {
  const { brainVersion, totalMemories } = options
  const selection = selectionOf(options)
  const toStdout = file === '-'
  if (toStdout && cli.output.json) throw new BackupError('INVALID_OPTION', 'stdout cannot take both the archive and JSON; name a file')
  await cli.withRepository(async opened => {
    const { repository, progress } = opened
    const { id } = await findSnapshot(opened, reference)
    const encryption = await encryptionOf(options, opened.config, { byDefault: repository.config.sealedWith !== undefined })
    const output = toStdout ? cli.terminal.stdout : resolve(cli.terminal.cwd, file)
    const exported = await exportArchive(repository, id, output, { selection, brainVersion, totalMemories, encryption, signal: cli.signal, onProgress: progress.onProgress })
    progress.stop()
    if (toStdout) return
    await cli.output.result({ file: output, ...exported }, () => {
      cli.output.line(`exported snapshot ${shortId(exported.snapshotId)} to ${file}: ${counted(exported.nodes, 'node')}, ${formatBytes(exported.sizeBytes)} unpacked${exported.encrypted ? ', encrypted' : ''}`)
    })
  })
}
