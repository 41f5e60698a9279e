import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { readLog } from '../../engine/open-log.ts'
import { proveSnapshot } from '../../engine/proof.ts'
import { BackupError, systemCode } from '../../errors.ts'
import { formatVkey } from '../../trust/log/note-key.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { addExamples } from '../examples.ts'
import { findSnapshot } from '../snapshot-reference.ts'

interface ProveOptions extends GlobalOptions {
  readonly output?: string
}

export function addProve (program: Command, cli: Cli): void {
  const command = program.command('prove <snapshot>').description('Write a proof that the snapshot was logged, and who validated it: anybody can check it without the repository.')
    .option('--output <file>', 'where to write it (default: stdout)')
    .action(async (reference: string, _options: unknown, self: Command) => {
      const { output } = self.optsWithGlobals<ProveOptions>()
      await cli.withRepository(async opened => {
        const { id } = await findSnapshot(opened, reference)
        const proof = await proveSnapshot(opened.repository, id, { signal: cli.signal })
        const log = await readLog(opened.repository, { signal: cli.signal })
        const logKey = log === undefined ? null : formatVkey(log.key)
        if (output !== undefined) await write(resolve(cli.terminal.cwd, output), proof)
        await cli.output.result({ snapshot: id, logKey, ...(output === undefined ? { proof } : { file: output }) }, () => {
          if (output === undefined) return cli.output.line(proof.trimEnd())
          cli.output.line(`wrote ${output}; whoever checks it needs the log's key: ${logKey ?? ''}`)
        })
      })
    })
  addExamples(command, [
    ['caf prove latest --output nightly.tlog-proof', 'for the auditor'],
  ])
}

async function write (file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text)
  } catch (error) {
    throw new BackupError('STORAGE_IO', `cannot write ${file}: ${systemCode(error) ?? String(error)}`, { data: { file }, cause: error })
  }
}
