import { diagnose } from '../../config/diagnosis.ts'
import type { Check } from '../../config/diagnosis.ts'
import type { Cli } from '../cli.ts'
import { EXIT, STATUS_OF_CODE } from '../exit-status.ts'
import { printable } from '../printable.ts'
import { styled } from '../terminal.ts'

const LOOKS = { ok: { word: 'ok', style: 'green' }, warning: { word: 'warning', style: 'yellow' }, failed: { word: 'failed', style: 'red' } } as const

export async function examine (cli: Cli): Promise<void> {
  const checks: Check[] = []
  for await (const check of diagnose(await cli.config(), { signal: cli.signal })) {
    checks.push(check)
    if (!cli.output.json) cli.output.line(lineOf(check, cli))
  }
  cli.status = checks.map(({ code }) => code === undefined ? EXIT.ok : STATUS_OF_CODE[code]).find(status => status !== EXIT.ok) ?? EXIT.ok
  await cli.output.result({ ok: cli.status === EXIT.ok, checks }, () => {})
}

function lineOf ({ subject, status, text, code }: Check, { terminal: { stdout } }: Cli): string {
  const { word, style } = LOOKS[status]
  return `${styled(style, word.padEnd(7), stdout)}  ${printable(subject)}: ${printable(text)}${code === undefined ? '' : ` [${code}]`}`
}
