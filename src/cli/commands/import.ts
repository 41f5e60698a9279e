import type { Command } from 'commander'
import type { ImportOptions } from '../acts/import.ts'
import { addKeyOptions } from '../archive-key-options.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { addTargetOptions } from '../target-options.ts'
import { addTrustOptions } from '../trusted-keys.ts'

export function addImport (program: Command, cli: Cli): void {
  const command = program.command('import').description('Check an archive and take it into the repository as a snapshot; with --restore, or where to, restore it at once.')
    .argument('<file>', 'the archive')
    .option('--as <slug>', 'the project that it becomes a part of (default: --project, else the one it came from)')
    .option('--restore', 'restore it at once')
    .option('--accept-unsigned', 'take it also when nothing that is trusted says where it is from')
  addTargetOptions(addTrustOptions(addKeyOptions(command)))
    .action(async (file: string, _options: unknown, self: Command) => {
      const { takeIn } = await import('../acts/import.ts')
      await cli.withRepository(async opened => { await takeIn(cli, opened, file, self.optsWithGlobals<ImportOptions>()) })
    })
  addExamples(command, [
    ['caf import soul.caf', 'as another snapshot of this repository'],
    ['caf import soul.caf --log-key <key>', 'from another one, whose key `caf validator log` prints there'],
    ['caf import soul.caf --as cheshire', 'into a project of that name'],
    ['caf import soul.caf --archive-secret-file old-secret.txt', "one that is encrypted with another secret than the project's"],
    ['caf import soul.caf --as cheshire --to-database cheshire', 'and into a new database at once'],
  ])
}
