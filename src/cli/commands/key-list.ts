import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addKeyList (parent: Command, cli: Cli): void {
  const command = parent.command('list').description('List the slots: who can open the repository.').action(async () => {
    const { listKeys } = await import('../acts/key-list.ts')
    await listKeys(cli)
  })
  addExamples(command, [
    ['caf key list', 'ids, labels, and since when'],
    ['caf key list --json | jq -r .recipient', 'the recipient, for a host that shall only write'],
  ])
}
