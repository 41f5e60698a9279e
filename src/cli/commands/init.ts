import type { Command } from 'commander'
import type { InitOptions } from '../acts/init.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { repeated } from '../option-values.ts'

export function addInit (program: Command, cli: Cli): void {
  const command = program.command('init').description('Make an empty repository.')
    .option('--sealed', "seal it: only who has the project's secret can read it (default when the configuration has `sealing`)")
    .option('--recipient <recipient>', 'let the owner of this age key, age1…, open it too (may be repeated)', repeated)
    .option('--label <text>', "what to call the secret's slot (default: secret)")
    .action(async (_options: unknown, self: Command) => {
      const { init } = await import('../acts/init.ts')
      await init(cli, self.optsWithGlobals<InitOptions>())
    })
  addExamples(command, [
    ['caf init', 'in .backups, or where the configuration says'],
    ['caf init --repository /srv/backups', 'somewhere else'],
    ['caf init --sealed', 'for who has CAF_SECRET or JWT_SECRET'],
    ['caf init --sealed --recipient age1…', 'and for the owner of an age key'],
  ])
}
