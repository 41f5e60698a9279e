import { resolve } from 'node:path'
import type { Command } from 'commander'
import { formatVkey } from '../../trust/log/note-key.ts'
import { openWitnessKey } from '../../trust/witness/witness-key.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

interface ValidatorKeyOptions {
  readonly state: string
  readonly name?: string
  readonly url?: string
}

export const STATE_OPTION = ['--state <folder>', 'where the validator keeps its key and what it has cosigned', '.caf-validator'] as const

export function addValidatorKey (validator: Command, cli: Cli): void {
  const command = validator.command('key').description("Print the validator's line for a policy file; makes its key if there is none.")
    .option(...STATE_OPTION)
    .option('--name <name>', 'what a new key is called, as validator.example.com/backups')
    .option('--url <url>', 'where others reach it, for the line')
    .action(async ({ state, name, url }: ValidatorKeyOptions) => {
      const { key } = await openWitnessKey(resolve(cli.terminal.cwd, state), { name })
      const vkey = formatVkey(key)
      const line = ['witness', key.name, vkey, ...(url === undefined ? [] : [url])].join(' ')
      await cli.output.result({ name: key.name, vkey, line }, () => { cli.output.line(line) })
    })
  addExamples(command, [
    ['caf validator key --url http://10.0.0.7:8441 >> policy', 'a line of the policy file'],
    ['caf validator key --name validator.example.com/backups', 'before the first start: with a name of your own'],
  ])
}
