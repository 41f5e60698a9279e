import type { Command } from 'commander'
import type { ProveOptions } from '../acts/prove.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addProve (program: Command, cli: Cli): void {
  const command = program.command('prove <snapshot>').description('Write a proof that the snapshot was logged, and who validated it: anybody can check it without the repository.')
    .option('--output <file>', 'where to write it (default: stdout)')
    .action(async (reference: string, _options: unknown, self: Command) => {
      const { prove } = await import('../acts/prove.ts')
      await prove(cli, reference, self.optsWithGlobals<ProveOptions>())
    })
  addExamples(command, [
    ['caf prove latest --output nightly.tlog-proof', 'for the auditor'],
  ])
}
