import type { Command } from 'commander'
import type { ReadAmount } from '../../cas/pack-choice.ts'
import type { Finding } from '../../engine/finding.ts'
import { verifyRepository } from '../../engine/verify.ts'
import type { VerifyRequest, VerifySummary } from '../../engine/verify.ts'
import { BackupError } from '../../errors.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { coverageText } from '../coverage-text.ts'
import { addExamples } from '../examples.ts'
import { EXIT } from '../exit-status.ts'
import { findingText } from '../finding-text.ts'
import { readAmount } from '../option-values.ts'
import { counted, printableDate } from '../printable.ts'
import { verifyProofFile } from '../verify-proof.ts'

interface VerifyOptions extends GlobalOptions {
  readonly readData?: ReadAmount
  readonly resume?: true
  readonly proof?: string
  readonly logKey?: string
  readonly policy?: string
}

type Counts = Record<Finding['severity'], number>

export function addVerify (program: Command, cli: Cli): void {
  const command = program.command('verify').description('Check the repository and say which artifacts of which snapshots any damage hits. Changes nothing but its memory of what was read when.')
    .option('--read-data <amount>', 'also read stored data, what was read longest ago first: a share such as 10%, an amount such as 5GB, or all', readAmount)
    .option('--resume', 'go on with `--read-data all` where it was cut off')
    .option('--proof <file>', 'check this proof of `caf prove` instead, and whether the repository, if there is one, still has what it proves')
    .option('--log-key <vkey>', 'the key that the proof must be signed by')
    .option('--policy <file>', 'the tlog-policy that says whose cosignatures the proof must have')
    .action(async (_options: unknown, self: Command) => {
      const { readData = 'none', resume, proof, logKey, policy } = self.optsWithGlobals<VerifyOptions>()
      if (proof !== undefined) return await verifyProofFile(cli, { proof, ...(logKey === undefined ? {} : { logKey }), ...(policy === undefined ? {} : { policy }) })
      if (logKey !== undefined || policy !== undefined) throw new BackupError('INVALID_OPTION', '--log-key and --policy go with --proof')
      if (resume === true && readData !== 'all') throw new BackupError('INVALID_OPTION', '--resume goes with --read-data all; a share or an amount goes on by itself')
      await cli.withRepository(async opened => {
        const counts: Counts = { error: 0, warning: 0 }
        const { read, coverage } = await printFindings(cli, opened, { readData, resume }, counts)
        const document = { ok: counts.error === 0, errors: counts.error, warnings: counts.warning, readData, read, coverage }
        await cli.output.record(document, () => [summaryOf(counts), depthOf(read), coverageText(coverage, new Date())].join('; '))
        if (counts.error > 0) cli.status = EXIT.damaged
      })
    })
  addExamples(command, [
    ['caf verify', 'every record, list and graph; is every blob listed?'],
    ['caf verify --read-data 10%', 'and read a tenth: ten days of that in cron read everything'],
    ['caf verify --proof nightly.tlog-proof --log-key <key>', 'was this snapshot really made, and is it still there?'],
    ['caf verify --read-data all', 'and read everything: what can be read here can be restored'],
  ])
}

async function printFindings (cli: Cli, { repository, progress }: Opened, request: Pick<VerifyRequest, 'readData' | 'resume'>, counts: Counts): Promise<VerifySummary> {
  const findings = verifyRepository(repository, { ...request, signal: cli.signal, onProgress: progress.onProgress })
  for (;;) {
    const { done, value } = await findings.next()
    progress.stop()
    if (done === true) return value
    counts[value.severity]++
    await cli.output.record({ finding: value }, () => findingText(value))
  }
}

function summaryOf ({ error, warning }: Counts): string {
  return error + warning === 0 ? 'no damage found' : `${counted(error, 'error')}, ${counted(warning, 'warning')}`
}

function depthOf ({ packs, bytes, since }: VerifySummary['read']): string {
  if (packs === 0 && since === undefined) return 'stored data was not read (--read-data)'
  return `read ${counted(packs, 'pack')} of ${formatBytes(bytes)}${since === undefined ? '' : `, going on from ${printableDate(since)}`}`
}
