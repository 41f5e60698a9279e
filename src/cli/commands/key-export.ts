import type { Command } from 'commander'
import type { ExportOptions } from '../acts/key-export.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addKeyExport (parent: Command, cli: Cli): void {
  const command = parent.command('export').description('Print a recovery sheet: what opens the repository when every secret is lost.')
    .option('--output <file>', 'write it into a new file that nobody else can read')
    .option('-y, --yes', 'do not ask')
    .action(async (_options: unknown, self: Command) => {
      const { writeSheet } = await import('../acts/key-export.ts')
      await writeSheet(cli, self.optsWithGlobals<ExportOptions>())
    })
  addExamples(command, [
    ['caf key export --output recovery.txt', 'a file of mode 0600'],
    ['caf key export --yes | lpr', 'onto paper at once'],
  ])
}
