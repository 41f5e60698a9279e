import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import { ACT_KINDS } from '../../trust/log/act-kinds.ts'
import type { LogOptions } from '../acts/log.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addLog (program: Command, cli: Cli): void {
  const command = program.command('log').description('Show what was done to the repository, oldest first: its audit trail, which nobody can change unnoticed.')
    .option('--since <date>', 'only what was done since, as 2026-11-01 or 2026-11-01T12:00Z', date)
    .addOption(new Option('--kind <kind>', 'only acts of this kind').choices(ACT_KINDS))
    .option('--verify', 'check the whole log, and that the records are what it says')
    .action(async (_options: unknown, self: Command) => {
      const { show, verify } = await import('../acts/log.ts')
      const options = self.optsWithGlobals<LogOptions>()
      await cli.withRepository(async opened => { await (options.verify === true ? verify(cli, opened) : show(cli, opened, options)) })
    })
  addExamples(command, [
    ['caf log', 'everything'],
    ['caf log --kind forgotten --since 2026-11-01', 'what was forgotten in November'],
    ['caf log --json', 'a line of JSON for each leaf, to be kept elsewhere'],
    ['caf log --verify', 'was anything changed past the log?'],
  ])
}

function date (value: string): Date {
  const parsed = new Date(value)
  if (Number.isNaN(parsed.getTime())) throw new InvalidArgumentError('It must be a date such as 2026-11-01 or 2026-11-01T12:00Z.')
  return parsed
}
