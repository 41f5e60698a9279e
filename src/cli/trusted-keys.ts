import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { OriginTrust } from '../engine/archive-origin.ts'
import { BackupError } from '../errors.ts'
import type { NoteKey } from '../trust/log/note-key.ts'
import { repeated } from './option-values.ts'

export interface TrustOptions {
  readonly logKey?: readonly string[]
  readonly policy?: string
}

/** Options that say whose word is taken for where an archive is from. */
export function addTrustOptions (command: Command): Command {
  return command
    .option('--log-key <vkey>', 'key of a log that archives may come from, as `caf validator log` prints it; may be repeated', repeated)
    .option('--policy <file>', 'tlog-policy file with such logs, and whose cosignatures are needed')
}

/** @throws {BackupError} `INVALID_OPTION` for what is no key, `CONFIG_INVALID` for a policy that is none */
export async function originTrustOf ({ logKey = [], policy: file }: TrustOptions, cwd: string): Promise<OriginTrust> {
  return { logKeys: await Promise.all(logKey.map(readKey)), policy: file === undefined ? undefined : await policyIn(resolve(cwd, file)) }
}

async function policyIn (file: string): Promise<OriginTrust['policy']> {
  const { readPolicy } = await import('../config/open-electorate.ts')
  return await readPolicy(file)
}

async function readKey (text: string): Promise<NoteKey> {
  const { parseVkey } = await import('../trust/log/note-key.ts')
  try {
    return parseVkey(text)
  } catch (cause) {
    throw new BackupError('INVALID_OPTION', `--log-key: ${text} is no key; it is one line, <name>+<8 hex digits>+<base64>`, { cause })
  }
}
