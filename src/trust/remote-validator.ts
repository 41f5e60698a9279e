import { BackupError, isBackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import { openCheckpoint } from './log/checkpoint.ts'
import { verifyCosignature } from './log/cosignature.ts'
import type { NoteKey } from './log/note-key.ts'
import { formatSignature, parseSignature, signaturesBy } from './log/signed-note.ts'
import type { Depth, Proposal, ProposedLeaf, Validator, Verdict } from './validator.ts'
import { formatWitnessRequest } from './witness/witness-request.ts'
import { post } from './witness/post.ts'
import type { Answer } from './witness/post.ts'

export interface RemoteValidatorOptions {
  readonly name: string
  /** What it cosigns with; nothing else is believed. */
  readonly key: NoteKey
  /** The prefix before `/add-checkpoint`. */
  readonly url: string
  /**
   * What a cosignature of this key is known to mean. `log` for a witness that looks at nothing but the log: its vote does not count.
   * @default 'data'
   */
  readonly checks?: Depth | undefined
}

/** So often it may name another size than the one that it was just asked with. */
const MOST_ATTEMPTS = 4

/**
 * Asks a validator elsewhere by the witness protocol (C2SP tlog-witness).
 * @throws {BackupError} `CONFIG_INVALID` for a URL that is none
 */
export function remoteValidator ({ name, key, url, checks = 'data' }: RemoteValidatorOptions): Validator {
  const address = addressOf(name, url)
  let cosignedSize = 0
  return {
    name,
    key,
    async validate ({ log }: Proposal, { signal }: AbortOptions = {}): Promise<Verdict> {
      signal?.throwIfAborted()
      const verdict = { validator: name, checked: checks, blobs: 0, host: address.host }
      const no = (...errors: string[]): Verdict => ({ ...verdict, accepts: false, errors })
      if (log === undefined) return no('the repository has no log, and it cosigns nothing else')
      const checkpoint = openCheckpoint(log.checkpoint, log.key)
      let oldSize = Math.min(cosignedSize, checkpoint.size)
      for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        const answer = await post(address, await requestFrom(oldSize, log, { signal }), { signal })
        if (answer.status === 200) {
          const cosignature = cosignatureIn(answer.body, checkpoint.note.text, key)
          if (cosignature === undefined) return no('it says that it cosigned, but its answer has no cosignature of its key over the proposed checkpoint')
          cosignedSize = checkpoint.size
          return { ...verdict, accepts: true, errors: [], cosignature }
        }
        const size = sizeIn(answer)
        if (size === undefined) return no(reasonIn(answer))
        if (size > checkpoint.size) return { ...no(`it has cosigned a checkpoint of ${size} leaves already, the proposed one has ${checkpoint.size}`), ahead: size }
        oldSize = size
      }
      return no('it names another size each time')
    },
  }
}

function addressOf (name: string, url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined
  if (address === undefined || !['http:', 'https:'].includes(address.protocol) || address.search !== '' || address.hash !== '') {
    throw new BackupError('CONFIG_INVALID', `the URL of the validator ${name} must be http://… or https://…, without ? and #`, { data: { validator: name } })
  }
  return new URL(`${address.href.replace(/\/+$/, '')}/add-checkpoint`)
}

async function requestFrom (oldSize: number, log: ProposedLeaf, options: AbortOptions): Promise<string> {
  return formatWitnessRequest({ oldSize, proof: await log.consistency(oldSize, options), checkpoint: log.checkpoint })
}

/** The signature line of `key`; other lines are ignored. Undefined unless there is one, and it is right. */
function cosignatureIn (body: string, text: string, key: NoteKey): string | undefined {
  const signatures = body.split('\n').slice(0, -1).flatMap(line => {
    try {
      return parseSignature(line)
    } catch (error) {
      if (isBackupError(error)) return []
      throw error
    }
  })
  const [own] = signaturesBy(key, signatures)
  const time = own === undefined ? undefined : verifyCosignature(text, key, own)
  return own === undefined || time === undefined || time === 0 ? undefined : formatSignature(own)
}

/** The size that a conflict names; undefined for every other answer. */
function sizeIn ({ status, contentType, body }: Answer): number | undefined {
  if (status !== 409 || contentType.split(';')[0]?.trim() !== 'text/x.tlog.size' || !/^(0|[1-9]\d{0,15})\n$/.test(body)) return undefined
  return Number(body)
}

/** What an answer says, short and harmless on a terminal. */
function reasonIn ({ status, body }: Answer): string {
  const text = body.replace(/[^\P{C}]/gu, ' ').trim().slice(0, 1_000)
  return `it answers ${status}${text === '' ? '' : `: ${text}`}`
}
