import { resolve } from 'node:path'
import { exportArchive } from '../../engine/export.ts'
import { BackupError } from '../../errors.ts'
import { formatBytes } from '../byte-size.ts'
import { encryptionOf } from '../archive-key-options.ts'
import type { EncryptionOptions } from '../archive-key-options.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { counted } from '../printable.ts'
import { selectionOf } from '../selection-options.ts'
import type { SelectionOptions } from '../selection-options.ts'
import { findSnapshot } from '../snapshot-reference.ts'
import { shortId } from '../snapshot-text.ts'

export interface ExportOptions extends GlobalOptions, SelectionOptions, EncryptionOptions {
  readonly brainVersion?: string
  readonly totalMemories?: number
}

export async function writeArchive (cli: Cli, reference: string, file: string, options: ExportOptions): Promise<void> {
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
