import { BackupError } from '../../errors.ts'

const MIN_BYTES = 32
const MIN_DISTINCT = 8
/** What must be left of a secret without the words below. */
const MIN_UNKNOWN = 16

/** Words of which the defaults in examples, templates and quick starts are made. */
const COMMON_WORDS = new Set(`
  a access admin and app application at auth authentication backup be bit bits caf change changed changeme char character characters chars default demo dev
  development do dont env ever example for generate guess here hex i in insert is it jwt key keyboard cat keep least length local localhost long me minimum must
  my never no nobody not of openssl or password passphrase passwd please postgres prod production put random replace safe sample secret secretkey secrets secure
  should sign signing simple some staging string super supersecret supabase test testing that the this to token tokens use used very will with xxx you your
`.trim().split(/\s+/))

const LONG_WORDS = [...COMMON_WORDS].filter(word => word.length >= 4).sort((a, b) => b.length - a.length)

/**
 * Refuses a secret that could be guessed: what is sealed with it, and every token signed with it, lets anybody try secrets offline.
 * @throws {BackupError} `SECRET_WEAK`; the secret is in no part of it
 */
export function checkSecret (secret: string): void {
  const why = weaknessOf(secret)
  if (why !== undefined) throw new BackupError('SECRET_WEAK', `the secret ${why}; make one with \`openssl rand -base64 48\``)
}

function weaknessOf (secret: string): string | undefined {
  if (Buffer.byteLength(secret) < MIN_BYTES) return `is shorter than ${MIN_BYTES} bytes`
  if (new Set(secret).size < MIN_DISTINCT) return `has fewer than ${MIN_DISTINCT} different characters`
  if (periodOf(secret) < MIN_BYTES) return 'repeats itself'
  if (isSequence(secret)) return 'is a sequence'
  return unknownPart(secret) < MIN_UNKNOWN ? 'is made of the words that every example uses' : undefined
}

/** The length of the part that `text` repeats (its last time perhaps cut off); that of the text, at most, when nothing is there twice. */
function periodOf (text: string): number {
  for (let period = 1; period <= text.length / 2; period++) {
    if (text.startsWith(text.slice(period))) return period
  }
  return Infinity
}

/** Most characters follow from the one before, as in `abcdefgh…` or `98765…`. */
function isSequence (text: string): boolean {
  const steps = Array.from({ length: text.length - 1 }, (_, index) => text.charCodeAt(index + 1) - text.charCodeAt(index))
  return steps.filter(step => Math.abs(step) <= 1).length > text.length / 2
}

/** How many letters and digits are left without the common words, be they apart or written together. */
function unknownPart (text: string): number {
  const words = text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(word => !COMMON_WORDS.has(word) && !/^\d{1,4}$/.test(word))
  return LONG_WORDS.reduce((left, word) => left.replaceAll(word, ''), words.join('')).length
}
