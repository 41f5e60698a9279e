import type { Command } from 'commander'
import { addKey } from '../../engine/keys.ts'
import { BackupError } from '../../errors.ts'
import type { SlotOwner } from '../../trust/keys/slots.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { shortId } from '../snapshot-text.ts'
import { newSecret } from '../secret-prompt.ts'
import { withKeys } from '../with-keys.ts'

interface AddOptions extends GlobalOptions {
  readonly recipient?: string
  readonly newSecretFile?: string
  readonly label?: string
}

export function addKeyAdd (parent: Command, cli: Cli): void {
  const command = parent.command('add').description('Let another secret, or the owner of an age key, open the repository too.')
    .option('--recipient <recipient>', 'the public key of an age identity, age1…')
    .option('--new-secret-file <file>', 'file with the new secret (default: ask for it on the terminal)')
    .option('--label <text>', 'what to call it (default: secret, or the recipient)')
    .action(async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<AddOptions>()
      await withKeys(cli, async ({ repository, keys }) => {
        const owner = await ownerOf(cli, options)
        const added = await addKey(repository, keys, { owner, label: options.label ?? ('recipient' in owner ? owner.recipient : 'secret'), signal: cli.signal })
        await cli.output.result(added, () => { cli.output.line(`added slot ${shortId(added.slot ?? '')}`) })
      })
    })
  addExamples(command, [
    ['caf key add --label ci', 'asks for the secret'],
    ['caf key add --new-secret-file new.secret', 'a secret from a file'],
    ['caf key add --recipient age1… --label anna', 'whose key was made with age-keygen'],
  ])
}

async function ownerOf (cli: Cli, { recipient, newSecretFile }: AddOptions): Promise<SlotOwner> {
  if (recipient === undefined) return { secret: await newSecret(cli, newSecretFile, '--new-secret-file') }
  if (newSecretFile !== undefined) throw new BackupError('INVALID_OPTION', 'a slot is for a secret or for a recipient: add two')
  return { recipient }
}
