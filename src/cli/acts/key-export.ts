import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { exportKey } from '../../engine/keys.ts'
import { BackupError, systemCode } from '../../errors.ts'
import { formatSheet } from '../../trust/keys/recovery-sheet.ts'
import type { Cli, GlobalOptions } from '../cli.ts'
import { confirm } from '../confirm.ts'
import { withKeys } from '../with-keys.ts'

export interface ExportOptions extends GlobalOptions {
  readonly output?: string
  readonly yes?: true
}

export async function writeSheet (cli: Cli, { output, yes }: ExportOptions): Promise<void> {
  await withKeys(cli, async ({ repository, keys, config }) => {
    if (yes !== true) await confirm(cli, `Write the key that opens everything in the clear ${output === undefined ? 'on this terminal' : `to ${output}`}?`)
    const sheet = await exportKey(repository, keys, { policy: await policyText(config.consensus.policy), signal: cli.signal })
    if (output !== undefined) await writeNew(resolve(cli.terminal.cwd, output), formatSheet(sheet))
    const { identity: _identity, ...harmless } = sheet
    await cli.output.result(output === undefined ? sheet : { ...harmless, file: output }, () => {
      cli.output.line(output === undefined ? formatSheet(sheet).trimEnd() : `wrote ${output}: print it, lock it away, delete the file`)
    })
  })
}

async function policyText (path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  return await readFile(path, 'utf8').catch((cause: unknown) => { throw new BackupError('CONFIG_INVALID', `the policy ${path} cannot be read`, { data: { path }, cause }) })
}

async function writeNew (path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw new BackupError('INVALID_OPTION', `${path} is there already; name another file`, { data: { path } })
    throw new BackupError('STORAGE_IO', `${path} cannot be written: ${systemCode(error) ?? 'unknown'}`, { data: { path }, cause: error })
  }
}
