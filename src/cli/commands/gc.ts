import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addGc (program: Command, cli: Cli): void {
  const command = program.command('gc').description('Free the space of what no snapshot needs. Runs beside snapshots and restores; waits for those that began before it.')
    .option('--dry-run', 'only show what would be freed')
    .action(async ({ dryRun }: { readonly dryRun?: true }) => {
      const { collect, preview } = await import('../acts/gc.ts')
      await cli.withRepository(async opened => { await (dryRun === true ? preview(cli, opened) : collect(cli, opened)) })
    })
  addExamples(command, [
    ['caf gc --dry-run', 'how much would that free?'],
    ['caf gc', 'free it'],
  ])
}
