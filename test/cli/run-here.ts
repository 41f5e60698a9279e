import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { Cli } from '../../src/cli/cli.ts'
import { runCli } from '../../src/cli/run-cli.ts'

/** Runs a command line in this process, which is quicker than one of its own; streams as of pipes. */
export async function runHere (args: readonly string[], { cwd, env = {} }: { readonly cwd: string, readonly env?: Readonly<Record<string, string>> }): Promise<{ status: number, stdout: string, stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const read = (stream: PassThrough): string => (stream.read() as Buffer | null ?? '').toString()
  // Streams that are no terminals are all that commands need.
  const streams = { stdin: process.stdin, stdout, stderr } as unknown as Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr'>
  const status = await runCli(new Cli({ ...streams, cwd, env: { CAF_STATE_DIR: join(cwd, '.state'), XDG_CACHE_HOME: join(cwd, '.cache'), ...env } }, new AbortController().signal), args)
  return { status, stdout: read(stdout), stderr: read(stderr) }
}
