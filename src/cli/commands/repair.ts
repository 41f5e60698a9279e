import type { Command } from 'commander'
import type { RepairOptions } from '../acts/repair.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { repeated } from '../option-values.ts'

export function addRepair (program: Command, cli: Cli): void {
  const command = program.command('repair').description('Make anew what can be derived (index segments, the ends of packs, the cache, the catalogue), and store lost blobs again from where they can still be had. Deletes no data.')
    .option('--from <folder>', 'take what is lost from this repository; may be repeated', repeated)
    .option('--from-sources', 'capture what is hit once more from the configured sources, and keep what is unchanged there')
    .option('--recompute', 'compute again what has a recipe')
    .option('--dry-run', 'only show what would be done')
    .action(async (_options: unknown, self: Command) => {
      const { repair } = await import('../acts/repair.ts')
      await repair(cli, self.optsWithGlobals<RepairOptions>())
    })
  addExamples(command, [
    ['caf repair', 'after `caf verify` found a damaged or missing index'],
    ['caf repair --from /mnt/second/backups', 'and take lost blobs from a second repository'],
    ['caf repair --from-sources --dry-run', 'how much of what is lost do the sources still hold?'],
  ])
}
