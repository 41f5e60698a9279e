import type { Command } from 'commander'
import type { ExportOptions } from '../acts/export.ts'
import { addEncryptionOptions } from '../archive-key-options.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { wholeNumber } from '../option-values.ts'
import { addSelectionOptions } from '../selection-options.ts'

export function addExport (program: Command, cli: Cli): void {
  const command = program.command('export').description('Write a snapshot, or a part of it, as a .caf archive, which opens with any unzip.')
    .argument('<snapshot>', 'an id or the beginning of one, a root CID, latest, or <project>/latest')
    .argument('<file>', 'the archive; - for stdout')
  addEncryptionOptions(addSelectionOptions(command).optionsGroup('Options:'))
    .option('--brain-version <version>', "for the archive's manifest")
    .option('--total-memories <n>', "for the archive's manifest (default: the number of points)", wholeNumber(0))
    .action(async (reference: string, file: string, _options: unknown, self: Command) => {
      const { writeArchive } = await import('../acts/export.ts')
      await writeArchive(cli, reference, file, self.optsWithGlobals<ExportOptions>())
    })
  addExamples(command, [
    ['caf export latest soul.caf', 'everything'],
    ['caf export latest facts.caf --table public.facts', 'one table and what it needs'],
    ['caf export latest soul.caf --encrypt', 'for JWT_SECRET alone'],
    ['caf export latest - | ssh backup.example "cat > soul.caf"', 'to another machine'],
  ])
}
