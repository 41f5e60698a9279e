import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { addValidatorKey } from './validator-key.ts'
import { addValidatorLog } from './validator-log.ts'
import { addValidatorServe } from './validator-serve.ts'

/** `caf validator …`: cosign the snapshots that others take. */
export function addValidator (program: Command, cli: Cli): void {
  const command = program.command('validator').description('Be a validator: re-verify the snapshots that are taken elsewhere, and cosign them.')
  for (const add of [addValidatorServe, addValidatorKey, addValidatorLog]) add(command, cli)
  addExamples(command, [
    ['caf validator serve --state /var/lib/caf-validator', 'on the machine of the validator'],
    ['caf validator key --state /var/lib/caf-validator >> policy', 'its line for the policy file'],
    ['caf validator log >> policy', "the line of the repository's log"],
  ])
}
