import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readLog } from '../../engine/open-log.ts'
import { proveSnapshot } from '../../engine/proof.ts'
import { BackupError, systemCode } from '../../errors.ts'
import { formatVkey } from '../../trust/log/note-key.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { findSnapshot } from '../snapshot-reference.ts'

export interface ProveOptions extends GlobalOptions {
  readonly output?: string
}

export async function prove (cli: Cli, reference: string, { output }: ProveOptions): Promise<void> {
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
}

async function write (file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text)
  } catch (error) {
    throw new BackupError('STORAGE_IO', `cannot write ${file}: ${systemCode(error) ?? String(error)}`, { data: { file }, cause: error })
  }
}
