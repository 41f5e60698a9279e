import type { Command } from 'commander'
import type { Retention } from '../engine/retention.ts'
import { wholeNumber } from './option-values.ts'

/** The options that say which snapshots stay; their names are those of {@link Retention}. */
export function addRetentionOptions (command: Command): Command {
  return command.optionsGroup('Which snapshots stay (else the retention of the configuration):')
    .option('--keep-last <n>', 'the newest n', wholeNumber(0))
    .option('--keep-daily <n>', 'the newest of each of the last n days that have one', wholeNumber(0))
    .option('--keep-weekly <n>', 'the newest of each of the last n weeks', wholeNumber(0))
    .option('--keep-monthly <n>', 'the newest of each of the last n months', wholeNumber(0))
    .option('--max-snapshots <n>', 'at most n', wholeNumber(1))
    .option('--ttl-days <n>', 'those of the last n days', wholeNumber(0))
}

/** The rules that were given, or undefined when none was. */
export function retentionOf ({ keepLast, keepDaily, keepWeekly, keepMonthly, maxSnapshots, ttlDays }: Retention): Retention | undefined {
  const rules = Object.entries({ keepLast, keepDaily, keepWeekly, keepMonthly, maxSnapshots, ttlDays }).filter(([, value]) => value !== undefined)
  return rules.length === 0 ? undefined : Object.fromEntries(rules)
}
