import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readPolicy } from '../config/open-electorate.ts'
import { readLog } from '../engine/open-log.ts'
import { checkProof } from '../engine/proof.ts'
import type { ProvenLeaf } from '../engine/proof.ts'
import { findProven } from '../engine/proof-in-repository.ts'
import type { ProvenSnapshot } from '../engine/proof-in-repository.ts'
import { BackupError, isBackupError, systemCode } from '../errors.ts'
import { formatVkey, parseVkey } from '../trust/log/note-key.ts'
import type { NoteKey } from '../trust/log/note-key.ts'
import type { Cli, Opened } from './cli.ts'
import { openingText } from './opening-text.ts'
import { printableDate } from './printable.ts'

export interface ProofOptions {
  readonly proof: string
  readonly logKey?: string
  readonly policy?: string
}

/** Checks a proof by itself and, where there is a repository, whether that still has what it proves. */
export async function verifyProofFile (cli: Cli, { proof: file, logKey, policy }: ProofOptions): Promise<void> {
  const within = (path: string): string => resolve(cli.terminal.cwd, path)
  const text = await readText(within(file))
  const trust = { logKey: logKey === undefined ? undefined : parseVkey(logKey), policy: policy === undefined ? undefined : await readPolicy(within(policy)) }
  const alone = trust.logKey === undefined && trust.policy === undefined ? undefined : checkProof(text, trust)
  const answer = await inRepository(cli, async opened => {
    const proven = alone ?? checkProof(text, { logKey: await keyOf(opened) })
    return { proven, snapshots: await findProven(opened.repository, proven, { signal: cli.signal }) }
  })
  const proven = answer?.proven ?? alone
  if (proven === undefined) throw new BackupError('INVALID_OPTION', 'without a repository a proof is checked against a key that you hold: give --log-key or --policy')
  const byOwnKey = alone === undefined
  await cli.output.result({ ...documentOf(proven), trusted: !byOwnKey, snapshots: answer?.snapshots ?? null }, () => { print(cli, proven, { snapshots: answer?.snapshots, byOwnKey }) })
}

/** What `act` gives with the configured repository; undefined where there is none. */
async function inRepository<T> (cli: Cli, act: (opened: Opened) => Promise<T>): Promise<T | undefined> {
  try {
    return await cli.withRepository(act)
  } catch (error) {
    if (isBackupError(error, 'REPOSITORY_MISSING')) return undefined
    throw error
  }
}

async function keyOf ({ repository }: Opened): Promise<NoteKey | undefined> {
  return (await readLog(repository))?.key
}

function documentOf ({ opening, index, log, checkpoint, cosignedBy }: ProvenLeaf): Record<string, unknown> {
  return { ok: true, index, opening, logKey: formatVkey(log), size: checkpoint.size, root: Buffer.from(checkpoint.root).toString('hex'), cosignedBy }
}

function print (cli: Cli, { opening, index, log, checkpoint, cosignedBy }: ProvenLeaf, { snapshots, byOwnKey }: { readonly snapshots: readonly ProvenSnapshot[] | undefined, readonly byOwnKey: boolean }): void {
  cli.output.facts([
    ['proven', `${opening.kind}: ${openingText(opening)}`],
    ['when', `${printableDate(opening.time)}, in operation ${opening.traceId}`],
    ['root', 'root' in opening ? opening.root : '-'],
    ['log', `leaf ${index} of ${checkpoint.size} in ${log.name}${byOwnKey ? ' (by the key in the repository itself: give --log-key or --policy to rely on it)' : ''}`],
    ['cosigned by', cosignedBy.map(({ name, time }) => `${name} at ${printableDate(new Date(time * 1000))}`).join(', ') || 'nobody that a policy names'],
    ['repository', snapshots === undefined ? 'none to compare with' : snapshots.map(({ state }) => state).join(', ') || 'its log goes on from here'],
  ])
}

async function readText (file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new BackupError('INVALID_OPTION', `--proof: cannot read ${file}: ${systemCode(error) ?? String(error)}`, { data: { file }, cause: error })
  }
}
