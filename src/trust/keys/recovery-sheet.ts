import type { UnlockedKeys } from './unlocked-keys.ts'

export interface RecoverySheet {
  /** ISO 8601. */
  readonly date: string
  /** 32 hex digits. */
  readonly repository: string
  readonly location: string
  readonly generation: number
  readonly recipient: string
  /** `AGE-SECRET-KEY-1…`: opens everything in the repository. */
  readonly identity: string
  /** The log's verifier key, once there is a log. */
  readonly log?: string | undefined
  /** The log's newest checkpoint, a signed note. */
  readonly checkpoint?: string | undefined
  /** The text of the policy file. */
  readonly policy?: string | undefined
}

export type SheetFacts = Omit<RecoverySheet, 'generation' | 'recipient' | 'identity'>

/** What has to be kept outside of a repository to open it and to know it again. It holds the key in the clear. */
export function recoverySheet ({ newest }: UnlockedKeys, facts: SheetFacts): RecoverySheet {
  return { ...facts, generation: newest.number, recipient: newest.recipient, identity: newest.identity }
}

/** The sheet as plain text, to be printed and locked away. */
export function formatSheet (sheet: RecoverySheet): string {
  const { date, repository, location, generation, recipient, identity, log, checkpoint, policy } = sheet
  return [
    'RECOVERY SHEET OF A SEALED CAF REPOSITORY',
    'Who has this sheet and a copy of the repository can read everything in it.',
    'Print it, lock it away, and delete the file. After `caf key rotate` print a new one.',
    ...section('Repository', [`id         ${repository}`, `location   ${location}`, `sheet of   ${date}, generation ${generation} of the key`]),
    ...section('Identity (secret)', [identity]),
    ...section('Recipient (public)', [recipient]),
    ...(log === undefined ? [] : section('Verifier key of the log (public)', [log])),
    ...(checkpoint === undefined ? [] : section('Newest checkpoint of the log: no later state may lack what it covers', checkpoint.trimEnd().split('\n'))),
    ...(policy === undefined ? [] : section('Policy', policy.trimEnd().split('\n'))),
    ...section('With caf', ['Write the identity into a file identity.txt, then:', '  CAF_IDENTITY_FILE=identity.txt caf --repository <copy of the repository> restore latest']),
    ...section('Without caf, with age (https://age-encryption.org)', manual(generation)),
    '',
  ].join('\n')
}

function manual (generation: number): string[] {
  const name = `keys/g${String(generation).padStart(4, '0')}`
  return [
    `The 32 bytes that this generation's objects are sealed with, out of the record ${name}:`,
    `  jq -r .key ${name} | base64 -d | age -d -i identity.txt > sealing.key`,
    ...(generation === 1 ? [] : ['The identity of the generation before, for what was sealed earlier:', `  jq -r .previous ${name} | base64 -d | age -d -i identity.txt > identity-before.txt`]),
    'With a secret in the place of this sheet: any slot, keys/<32 hex digits>, holds the identity; age asks for the secret:',
    '  jq -r .file keys/<slot> | base64 -d > slot.age && age -d slot.age > identity.txt',
    'The records are in the header of every pack too. What objects look like is in docs/format.md, section Sealing.',
  ]
}

function section (title: string, lines: readonly string[]): string[] {
  return ['', title, ...lines.map(line => line === '' ? '' : `  ${line}`)]
}
