import type { Command } from 'commander'
import { statsOf } from '../../engine/stats.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli } from '../cli.ts'
import { coverageText } from '../coverage-text.ts'
import { addExamples } from '../examples.ts'
import { counted } from '../printable.ts'

export function addStats (program: Command, cli: Cli): void {
  const command = program.command('stats').description('Show how much the repository holds and how much of it could be brought back.')
    .action(async () => {
      await cli.withRepository(async ({ repository }) => {
        const stats = await statsOf(repository)
        const { snapshots, packs, blobs, storedBytes, restorableBytes, coverage } = stats
        await cli.output.result(stats, () => {
          cli.output.facts([
            ['snapshots', String(snapshots)],
            ['restorable', `${formatBytes(restorableBytes)}, all snapshots added up`],
            ['stored', `${formatBytes(storedBytes)} in ${counted(packs, 'pack')} with ${counted(blobs, 'blob')}`],
            ['ratio', storedBytes === 0 ? '-' : `${(restorableBytes / storedBytes).toFixed(1)} to 1`],
            ['verified', coverageText(coverage, new Date())],
          ])
        })
      })
    })
  addExamples(command, [
    ['caf stats', 'the figures'],
    ['caf stats --json', 'in bytes, for a program'],
  ])
}
