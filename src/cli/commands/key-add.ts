import type { Command } from 'commander'
import type { AddOptions } from '../acts/key-add.ts'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addKeyAdd (parent: Command, cli: Cli): void {
  const command = parent.command('add').description('Let another secret, or the owner of an age key, open the repository too.')
    .option('--recipient <recipient>', 'the public key of an age identity, age1…')
    .option('--new-secret-file <file>', 'file with the new secret (default: ask for it on the terminal)')
    .option('--label <text>', 'what to call it (default: secret, or the recipient)')
    .action(async (_options: unknown, self: Command) => {
      const { addSlot } = await import('../acts/key-add.ts')
      await addSlot(cli, self.optsWithGlobals<AddOptions>())
    })
  addExamples(command, [
    ['caf key add --label ci', 'asks for the secret'],
    ['caf key add --new-secret-file new.secret', 'a secret from a file'],
    ['caf key add --recipient age1… --label anna', 'whose key was made with age-keygen'],
  ])
}
