import type { Command } from 'commander'
import { createSnapshot } from '../../engine/snapshot.ts'
import type { CreatedSnapshot } from '../../engine/snapshot.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { repeated } from '../option-values.ts'
import { counted, printable, printableDuration } from '../printable.ts'

interface SnapshotOptions extends GlobalOptions {
  readonly description: string
  readonly tag?: readonly string[]
  readonly source?: readonly string[]
}

export function addSnapshot (program: Command, cli: Cli): void {
  const command = program.command('snapshot').description('Capture every configured source as one snapshot. It appears whole at the end, or not at all.')
    .option('-d, --description <text>', 'what it is for', '')
    .option('-t, --tag <tag>', 'a mark to find it by; may be repeated', repeated)
    .option('--source <name>', 'only this source; may be repeated', repeated)
    .action(async (_options: unknown, self: Command) => {
      const { description, tag, source } = self.optsWithGlobals<SnapshotOptions>()
      await cli.withRepository(async ({ repository, config, electorate, sources, progress }) => {
        const created = await createSnapshot(repository, {
          ...await electorate(), sources: await sources(source), description, tags: tag, project: config.project,
          concurrency: config.concurrency, signal: cli.signal, onProgress: progress.onProgress,
        })
        progress.stop()
        await cli.output.result({ ...created, root: created.root.toString() }, () => { for (const line of linesOf(created)) cli.output.line(line) })
      })
    })
  addExamples(command, [
    ['caf snapshot', 'everything'],
    ['caf snapshot -d "before the upgrade" -t upgrade', 'with a reason to find it by'],
    ['caf snapshot --source files', 'one source alone'],
  ])
}

function linesOf ({ id, nodes, unchangedNodes, sizeBytes, storedBytes, durationMs, summaries, validatedBy }: CreatedSnapshot): string[] {
  return [
    `snapshot ${id}`,
    `${counted(nodes, 'node')} (${unchangedNodes} unchanged), ${formatBytes(sizeBytes)}; ${formatBytes(storedBytes)} new in the repository; ${printableDuration(durationMs)}`,
    `validated by ${validatedBy.map(printable).join(', ')}`,
    ...summaries.flatMap(({ name, notes }) => notes.map(note => `note on ${printable(name)}: ${printable(note)}`)),
  ]
}
