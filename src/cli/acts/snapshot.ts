import { createSnapshot } from '../../engine/snapshot.ts'
import type { CreatedSnapshot } from '../../engine/snapshot.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { counted, printable, printableDuration } from '../printable.ts'

export interface SnapshotOptions extends GlobalOptions {
  readonly description: string
  readonly tag?: readonly string[]
  readonly source?: readonly string[]
  readonly fullRead?: boolean
}

export async function take (cli: Cli, { description, tag, source, fullRead }: SnapshotOptions): Promise<void> {
  await cli.withRepository(async ({ repository, config, electorate, sources, progress }) => {
    const created = await createSnapshot(repository, {
      ...await electorate(), sources: await sources(source), description, tags: tag, project: config.project,
      memoryFolder: config.cacheFolder, fullRead, concurrency: config.concurrency, signal: cli.signal, onProgress: progress.onProgress,
    })
    progress.stop()
    await cli.output.result({ ...created, root: created.root.toString() }, () => { for (const line of linesOf(created)) cli.output.line(line) })
  })
}

function linesOf ({ id, nodes, unchangedNodes, sizeBytes, storedBytes, durationMs, summaries, validatedBy }: CreatedSnapshot): string[] {
  return [
    `snapshot ${id}`,
    `${counted(nodes, 'node')} (${unchangedNodes} unchanged), ${formatBytes(sizeBytes)}; ${formatBytes(storedBytes)} new in the repository; ${printableDuration(durationMs)}`,
    `validated by ${validatedBy.map(printable).join(', ')}`,
    ...summaries.flatMap(({ name, notes }) => notes.map(note => `note on ${printable(name)}: ${printable(note)}`)),
  ]
}
