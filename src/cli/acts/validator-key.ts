import { resolve } from 'node:path'
import { formatVkey } from '../../trust/log/note-key.ts'
import { openWitnessKey } from '../../trust/witness/witness-key.ts'
import type { Cli } from '../cli.ts'

export interface ValidatorKeyOptions {
  readonly state: string
  readonly name?: string
  readonly url?: string
}

export async function printKey (cli: Cli, { state, name, url }: ValidatorKeyOptions): Promise<void> {
  const { key } = await openWitnessKey(resolve(cli.terminal.cwd, state), { name })
  const vkey = formatVkey(key)
  const line = ['witness', key.name, vkey, ...(url === undefined ? [] : [url])].join(' ')
  await cli.output.result({ name: key.name, vkey, line }, () => { cli.output.line(line) })
}
