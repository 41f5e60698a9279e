import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addLs (program: Command, cli: Cli): void {
  const command = program.command('ls').description('List the nodes of a snapshot, or the files in one of them.')
    .argument('<snapshot>', 'an id or the beginning of one, a root CID, latest, or <project>/latest')
    .argument('[node]', 'id of a folder tree: list what is in it')
    .action(async (reference: string, id: string | undefined) => {
      const { list } = await import('../acts/ls.ts')
      await list(cli, reference, id)
    })
  addExamples(command, [
    ['caf ls latest', 'everything the newest snapshot holds'],
    ['caf ls latest files/tree', 'the stored files in it'],
    ["caf ls latest --json | jq -r 'select(.kind == \"pg.rows\").id'", 'the tables, for a script'],
  ])
}
