import { Option } from 'commander'
import type { Command } from 'commander'
import type { RestoreOptions } from '../acts/restore.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { addSelectionOptions } from '../selection-options.ts'
import { addTargetOptions } from '../target-options.ts'

export function addRestore (program: Command, cli: Cli): void {
  const command = program.command('restore').description('Bring a snapshot, or a part of it, back: built out of sight, read back and compared, then made visible at once.')
    .argument('[snapshot]', 'an id or the beginning of one, a root CID, latest, or <project>/latest')
  addTargetOptions(addSelectionOptions(command))
    .optionsGroup('Options:')
    .addOption(new Option('--strategy <strategy>', 'incremental leaves alone what is there already and equal, full replaces everything, selective takes the chosen part').choices(['incremental', 'full', 'selective']))
    .option('--no-preserve-history', 'take no snapshot of what is replaced')
    .option('--dry-run', 'only show what would be done, and what is in the way')
    .option('--resume', 'finish a restore that was cut off')
    .option('--abort', 'undo a restore that was cut off before anything was visible')
    .action(async (reference: string | undefined, _options: unknown, self: Command) => {
      const { bringBack } = await import('../acts/restore.ts')
      await bringBack(cli, reference, self.optsWithGlobals<RestoreOptions>())
    })
  addExamples(command, [
    ['caf restore latest --dry-run', 'what would be done?'],
    ['caf restore latest', 'everything, to where the configuration says'],
    ['caf restore latest --to-database copy --to-folder files=copy', 'beside what is there'],
    ['caf restore 3f9a --table public.facts --to-schema public=old', 'one table into another schema'],
    ['caf restore latest --file notes/plan.md --replace', 'one file in its place'],
    ['caf restore --resume', 'after a crash'],
  ])
}
