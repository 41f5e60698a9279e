import { CommanderError } from 'commander'
import { BackupError } from '../errors.ts'
import { Cli } from './cli.ts'
import { errorDocument, errorText } from './error-text.ts'
import { EXIT, exitStatusOf } from './exit-status.ts'
import type { ExitStatus } from './exit-status.ts'
import { listenForInterruption } from './interruption.ts'
import { createProgram } from './program.ts'
import { processTerminal } from './terminal.ts'

/** Runs the command line of this process and ends it. */
export async function runProcess (): Promise<void> {
  const { stdout, stderr } = process
  // Whoever reads may stop reading: that is no failure.
  for (const stream of [stdout, stderr]) stream.on('error', () => {})
  const interruption = listenForInterruption(stderr)
  const cli = new Cli(processTerminal(), interruption.signal)
  const status = await runCli(cli, process.argv.slice(2))
  await flushed(stdout)
  await flushed(stderr)
  // A request that was left behind must not keep the process.
  process.exit(interruption.status() ?? status)
}

/** Runs one command line; every failure has been reported when it returns. */
export async function runCli (cli: Cli, args: readonly string[]): Promise<ExitStatus> {
  try {
    await createProgram(cli).parseAsync(args, { from: 'user' })
    return cli.status
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : await reportUsage(cli, error, args)
    return await report(cli, cli.signal.aborted ? cli.signal.reason : error)
  }
}

/** Commander has printed what is wrong, and has not come as far as the options. */
async function reportUsage (cli: Cli, { message }: CommanderError, args: readonly string[]): Promise<ExitStatus> {
  const usage = new BackupError('INVALID_OPTION', message.replace(/^error: /, ''))
  if (args.includes('--json')) cli.terminal.stdout.write(`${JSON.stringify(errorDocument(usage))}\n`)
  return EXIT.usage
}

async function report (cli: Cli, error: unknown): Promise<ExitStatus> {
  const { json, verbose } = cli.mode
  if (json) await cli.output.result(errorDocument(error), () => {})
  cli.terminal.stderr.write(`${errorText(error, { verbose })}\n`)
  return exitStatusOf(error)
}

async function flushed (stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.errored !== null) return
  await new Promise<void>(resolve => {
    stream.once('close', resolve)
    stream.write('', () => { resolve() })
  })
}
