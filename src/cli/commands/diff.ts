import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples } from '../examples.ts'

export function addDiff (program: Command, cli: Cli): void {
  const command = program.command('diff').description('Show what differs between two snapshots.')
    .argument('<before>', 'a snapshot')
    .argument('<after>', 'a snapshot')
    .option('--rows <node>', 'show the changed rows (or files) of this node')
    .action(async (before: string, after: string, { rows }: { readonly rows?: string }) => {
      const { showNodes, showRows } = await import('../acts/diff.ts')
      await (rows === undefined ? showNodes(cli, before, after) : showRows(cli, before, after, rows))
    })
  addExamples(command, [
    ['caf diff 3f9a latest', 'which artifacts changed, and how much'],
    ['caf diff 3f9a latest --rows postgres/rows/public.facts', 'the changed rows of a table'],
    ['caf diff 3f9a latest --rows files/tree', 'the changed files'],
  ])
}
