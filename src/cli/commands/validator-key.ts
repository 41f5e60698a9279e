import type { Command } from 'commander'
import type { ValidatorKeyOptions } from '../acts/validator-key.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export const STATE_OPTION = ['--state <folder>', 'where the validator keeps its key and what it has cosigned', '.caf-validator'] as const

export function addValidatorKey (validator: Command, cli: Cli): void {
  const command = validator.command('key').description("Print the validator's line for a policy file; makes its key if there is none.")
    .option(...STATE_OPTION)
    .option('--name <name>', 'what a new key is called, as validator.example.com/backups')
    .option('--url <url>', 'where others reach it, for the line')
    .action(async (options: ValidatorKeyOptions) => {
      const { printKey } = await import('../acts/validator-key.ts')
      await printKey(cli, options)
    })
  addExamples(command, [
    ['caf validator key --url http://10.0.0.7:8441 >> policy', 'a line of the policy file'],
    ['caf validator key --name validator.example.com/backups', 'before the first start: with a name of your own'],
  ])
}
