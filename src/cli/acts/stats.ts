import { statsOf } from '../../engine/stats.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli } from '../cli.ts'
import { coverageText } from '../coverage-text.ts'
import { counted } from '../printable.ts'

export async function showStats (cli: Cli): Promise<void> {
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
}
