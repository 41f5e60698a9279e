import { BackupError, isBackupError } from '../../errors.ts'
import { parseVkey, SIGNATURE_TYPE } from '../log/note-key.ts'
import type { NoteKey, SignatureType } from '../log/note-key.ts'
import { voteOf } from './policy.ts'
import type { Policy, PolicyLog, PolicyWitness, QuorumRule } from './policy.ts'

const MAX_BYTES = 1_048_576
/** Of logs, of witnesses and of groups; the standard wants 32 at least. */
const MAX_DEFINED = 1_024

const WHITESPACE = /[ \t]+/
/** All octets that the standard allows within a line. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\x00-\x08\x0a-\x1f\x7f]/

/**
 * Reads a tlog-policy file (<https://c2sp.org/tlog-policy>). Names are octets, compared as such.
 * @throws {BackupError} `CONFIG_INVALID` with `origin` and the number of the line
 */
export function parsePolicy (file: Uint8Array | string, origin = 'the policy'): Policy {
  const bytes = Buffer.from(file)
  if (bytes.length > MAX_BYTES) throw new BackupError('CONFIG_INVALID', `${origin} is longer than ${MAX_BYTES} bytes, which no policy is`, { data: { origin } })
  const lines = bytes.toString('latin1').split('\n')
  const reader = new PolicyReader(origin)
  const rest = lines.pop()
  lines.forEach((line, index) => { reader.read(line, index + 1) })
  if (rest !== '') throw reader.invalid(lines.length + 1, 'it does not end in a newline: the file may have been cut off')
  return reader.finish(lines.length)
}

class PolicyReader {
  readonly #origin: string
  readonly #logs: PolicyLog[] = []
  readonly #witnesses: PolicyWitness[] = []
  /** Witnesses and groups; they share their names. */
  readonly #defined = new Map<string, QuorumRule>()
  readonly #members = new Set<string>()
  readonly #keys = { log: new Set<string>(), witness: new Set<string>() }
  #quorum: QuorumRule | undefined

  constructor (origin: string) {
    this.#origin = origin
  }

  read (line: string, number: number): void {
    if (FORBIDDEN.test(line)) throw this.invalid(number, 'it has a control character; only tabs and newlines are allowed')
    const [keyword = '', ...items] = line.split(WHITESPACE).filter(item => item !== '')
    if (keyword === '' || keyword.startsWith('#')) return
    const fail = (why: string): BackupError => this.invalid(number, why)
    switch (keyword) {
      case 'log': this.#readLog(items, fail); break
      case 'witness': this.#readWitness(items, fail); break
      case 'group': this.#readGroup(items, fail); break
      case 'quorum': this.#readQuorum(items, fail); break
      default: throw fail(`${shown(keyword)} is none of log, witness, group and quorum`)
    }
  }

  finish (lines: number): Policy {
    if (this.#quorum === undefined) throw this.invalid(lines, 'the file ends without a quorum line')
    return { logs: this.#logs, witnesses: this.#witnesses, quorum: this.#quorum }
  }

  invalid (line: number, why: string): BackupError {
    return new BackupError('CONFIG_INVALID', `${this.#origin}, line ${line}: ${why}`, { data: { origin: this.#origin, line } })
  }

  #readLog (items: readonly string[], fail: Fail): void {
    const [vkey, url, ...more] = items
    if (vkey === undefined || more.length > 0) throw fail('a log is defined by `log <vkey> [<url>]`')
    const key = this.#readKey('log', vkey, SIGNATURE_TYPE.ed25519, fail)
    this.#logs.push({ key, ...urlOf(url) })
  }

  #readWitness (items: readonly string[], fail: Fail): void {
    const [name, vkey, url, ...more] = items
    if (name === undefined || vkey === undefined || more.length > 0) throw fail('a witness is defined by `witness <name> <vkey> [<url>]`')
    const witness = { name: shown(name), key: this.#readKey('witness', vkey, SIGNATURE_TYPE.cosignature, fail), ...urlOf(url) }
    this.#define(name, { kind: 'witness', witness }, fail)
    this.#witnesses.push(witness)
  }

  #readGroup (items: readonly string[], fail: Fail): void {
    const [name, size, ...names] = items
    if (name === undefined || size === undefined || names.length === 0) throw fail('a group is defined by `group <name> all|any|<k> <name>…`')
    const threshold = size === 'all' ? names.length : size === 'any' ? 1 : /^[1-9]\d{0,3}$/.test(size) ? Number(size) : undefined
    if (threshold === undefined || threshold > names.length) throw fail(`${shown(size)} of ${names.length} members is no group: it must be all, any, or a number from 1 to ${names.length}`)
    const members = names.map(member => this.#readMember(member, fail))
    this.#define(name, { kind: 'group', name: shown(name), threshold, members }, fail)
  }

  #readMember (name: string, fail: Fail): QuorumRule {
    if (name === 'none') throw fail('none cannot be a member of a group')
    const rule = this.#lookUp(name, fail)
    if (this.#members.has(name)) throw fail(`${shown(name)} is a member of a group already; it may be one only once, so that nobody counts twice`)
    this.#members.add(name)
    return rule
  }

  #readQuorum (items: readonly string[], fail: Fail): void {
    const [name, ...more] = items
    if (name === undefined || more.length > 0) throw fail('the quorum is defined by `quorum <name>`')
    if (this.#quorum !== undefined) throw fail('the quorum is defined already')
    this.#quorum = name === 'none' ? { kind: 'none' } : this.#lookUp(name, fail)
  }

  #lookUp (name: string, fail: Fail): QuorumRule {
    const rule = this.#defined.get(name)
    if (rule === undefined) throw fail(`${shown(name)} is no witness or group of a line before`)
    return rule
  }

  #define (name: string, rule: QuorumRule, fail: Fail): void {
    if (name === 'none') throw fail('none means nobody and cannot be defined')
    if (this.#defined.has(name)) throw fail(`${shown(name)} is defined already; witnesses and groups share their names`)
    if (this.#defined.size >= 2 * MAX_DEFINED) throw fail(`there are more than ${2 * MAX_DEFINED} witnesses and groups`)
    this.#defined.set(name, rule)
  }

  #readKey (kind: 'log' | 'witness', vkey: string, type: SignatureType, fail: Fail): NoteKey {
    const keys = this.#keys[kind]
    if (keys.size >= MAX_DEFINED) throw fail(`there are more than ${MAX_DEFINED} ${kind} lines`)
    const key = vkeyOf(vkey, fail)
    if (key.type !== type) throw fail(`the key of a ${kind} must be of the type 0x0${type}, not 0x0${key.type}`)
    if (keys.has(voteOf(key))) throw fail(`this key stands in another ${kind} line already, whatever it is called there`)
    keys.add(voteOf(key))
    return key
  }
}

type Fail = (why: string) => BackupError

function vkeyOf (text: string, fail: Fail): NoteKey {
  try {
    return parseVkey(shown(text))
  } catch (error) {
    throw isBackupError(error) ? fail(error.message) : error
  }
}

function urlOf (url: string | undefined): { readonly url?: string } {
  return url === undefined ? {} : { url: shown(url) }
}

/** Octets as the text that they probably are. */
function shown (octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8')
}
