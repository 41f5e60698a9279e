import type { Command } from 'commander'
import { verifyRepository } from '../../engine/verify.ts'
import type { Affected, Finding } from '../../engine/verify.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { EXIT } from '../exit-status.ts'
import { shareOrAll } from '../option-values.ts'
import { counted, printable } from '../printable.ts'
import { shortId } from '../snapshot-text.ts'

interface VerifyOptions extends GlobalOptions {
  readonly readData?: number | 'all'
}

export function addVerify (program: Command, cli: Cli): void {
  const command = program.command('verify').description('Check the repository and say which artifacts of which snapshots any damage hits. Changes nothing.')
    .option('--read-data <share>', 'also read stored data: a share of it such as 10%, or all', shareOrAll)
    .action(async (_options: unknown, self: Command) => {
      const { readData = 'none' } = self.optsWithGlobals<VerifyOptions>()
      await cli.withRepository(async ({ repository, progress: { onProgress, stop } }) => {
        const counts = { error: 0, warning: 0 }
        for await (const finding of verifyRepository(repository, { readData, signal: cli.signal, onProgress })) {
          stop()
          counts[finding.severity]++
          await cli.output.record({ finding }, () => textOf(finding))
        }
        stop()
        const document = { ok: counts.error === 0, errors: counts.error, warnings: counts.warning, readData }
        await cli.output.record(document, () => summaryOf(counts, readData))
        if (counts.error > 0) cli.status = EXIT.damaged
      })
    })
  addExamples(command, [
    ['caf verify', 'every record, list and graph; is every blob listed?'],
    ['caf verify --read-data 10%', 'and read a tenth of the chunks, another one each time'],
    ['caf verify --read-data all', 'and read everything: what can be read here can be restored'],
  ])
}

function textOf ({ severity, code, message, key, affected }: Finding): string {
  const where = key === undefined ? '' : ` (${printable(key)})`
  return [`${severity}: ${printable(message)}${where} [${code}]`, ...affected.map(hit => `  hits ${hitText(hit)}`)].join('\n')
}

function hitText ({ snapshot, node, detail }: Affected): string {
  return `${printable(node)} in snapshot ${shortId(snapshot)}: ${printable(detail)}`
}

function summaryOf ({ error, warning }: Readonly<Record<Finding['severity'], number>>, readData: number | 'all' | 'none'): string {
  const read = { all: 'every stored byte was read', none: 'stored data was not read (--read-data)' }
  const depth = typeof readData === 'number' ? `${readData * 100}% of the chunks were read` : read[readData]
  return error + warning === 0 ? `no damage found; ${depth}` : `${counted(error, 'error')}, ${counted(warning, 'warning')}; ${depth}`
}
