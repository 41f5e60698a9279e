import type { ReadAmount } from '../../cas/pack-choice.ts'
import type { Finding } from '../../engine/finding.ts'
import { verifyRepository } from '../../engine/verify.ts'
import type { VerifySummary } from '../../engine/verify.ts'
import type { SourcesSummary } from '../../engine/verify-sources.ts'
import { BackupError } from '../../errors.ts'
import { formatBytes } from '../byte-size.ts'
import type { Cli, GlobalOptions, Opened } from '../cli.ts'
import { coverageText } from '../coverage-text.ts'
import { EXIT } from '../exit-status.ts'
import { findingText } from '../finding-text.ts'
import { counted, printableDate } from '../printable.ts'

export interface VerifyOptions extends GlobalOptions {
  readonly readData?: ReadAmount
  readonly resume?: true
  readonly againstSource?: true
  readonly proof?: string
  readonly logKey?: string
  readonly policy?: string
}

type Counts = Record<Finding['severity'], number>

export async function verify (cli: Cli, options: VerifyOptions): Promise<void> {
  const { readData = 'none', resume, againstSource, proof, logKey, policy } = options
  if (proof !== undefined) {
    const { verifyProofFile } = await import('../verify-proof.ts')
    return await verifyProofFile(cli, { proof, ...(logKey === undefined ? {} : { logKey }), ...(policy === undefined ? {} : { policy }) })
  }
  if (logKey !== undefined || policy !== undefined) throw new BackupError('INVALID_OPTION', '--log-key and --policy go with --proof')
  if (resume === true && readData !== 'all') throw new BackupError('INVALID_OPTION', '--resume goes with --read-data all; a share or an amount goes on by itself')
  await cli.withRepository(async opened => {
    const counts: Counts = { error: 0, warning: 0 }
    const { repository, progress } = opened
    const { read, coverage } = await printFindings(cli, opened, verifyRepository(repository, { readData, resume, signal: cli.signal, onProgress: progress.onProgress }), counts)
    const tables = againstSource === true ? await printFindings(cli, opened, await sourceFindings(cli, opened), counts) : undefined
    const document = { ok: counts.error === 0, errors: counts.error, warnings: counts.warning, readData, read, coverage, ...(tables !== undefined && { tables }) }
    await cli.output.record(document, () => [summaryOf(counts), depthOf(read), coverageText(coverage, new Date()), ...tables === undefined ? [] : [tablesText(tables)]].join('; '))
    if (counts.error > 0) cli.status = EXIT.damaged
  })
}

async function sourceFindings (cli: Cli, { repository, config, sources, progress }: Opened): Promise<AsyncGenerator<Finding, SourcesSummary>> {
  const { verifySources } = await import('../../engine/verify-sources.ts')
  return verifySources(repository, { sources: await sources(), project: config.project, signal: cli.signal, onProgress: progress.onProgress })
}

async function printFindings<Summary> (cli: Cli, { progress }: Opened, findings: AsyncGenerator<Finding, Summary>, counts: Counts): Promise<Summary> {
  for (;;) {
    const { done, value } = await findings.next()
    progress.stop()
    if (done === true) return value
    counts[value.severity]++
    await cli.output.record({ finding: value }, () => findingText(value))
  }
}

function tablesText ({ compared, readInFull }: SourcesSummary): string {
  return `${counted(compared, 'table')} compared with the source${readInFull === 0 ? '' : `, ${readInFull} not: the next snapshot reads all of their rows`}`
}

function summaryOf ({ error, warning }: Counts): string {
  return error + warning === 0 ? 'no damage found' : `${counted(error, 'error')}, ${counted(warning, 'warning')}`
}

function depthOf ({ packs, bytes, since }: VerifySummary['read']): string {
  if (packs === 0 && since === undefined) return 'stored data was not read (--read-data)'
  return `read ${counted(packs, 'pack')} of ${formatBytes(bytes)}${since === undefined ? '' : `, going on from ${printableDate(since)}`}`
}
