import { BackupError } from '../../errors.ts'
import type { Plain } from '../../stream.ts'

/** Levels of nesting that a value may have; deeper ones are refused rather than overflow the stack somewhere. */
const MAX_DEPTH = 256

/**
 * The one JSON text of a value: members sorted by their keys' UTF-16 units, no white space. Equal values give equal bytes.
 * @throws {BackupError} `INVALID_OPTION` naming the place of what JSON does not carry unchanged: undefined, functions, bigints, NaN, dates, cycles
 */
export function canonicalJson (value: unknown): Uint8Array {
  return Buffer.from(textOf(value, { path: '$', above: [] }))
}

interface Place {
  readonly path: string
  readonly above: readonly object[]
}

function textOf (value: unknown, place: Place): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return numberText(value, place)
  if (typeof value !== 'object') throw refusal(place, `is of type ${typeof value}`)
  if (place.above.includes(value)) throw refusal(place, 'contains itself')
  if (place.above.length >= MAX_DEPTH) throw refusal(place, `is nested more than ${MAX_DEPTH} levels deep`)
  const inside = { path: place.path, above: [...place.above, value] }
  if (Array.isArray(value)) return `[${Array.from(value, (item, index) => textOf(item, { ...inside, path: `${place.path}[${index}]` })).join(',')}]`
  return objectText(value, inside)
}

function numberText (value: number, place: Place): string {
  if (!Number.isFinite(value)) throw refusal(place, `is ${value}`)
  return JSON.stringify(value)
}

function objectText (value: object, { path, above }: Place): string {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw refusal({ path, above }, 'is an instance of a class; turn it into a plain object')
  const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${textOf(member, { path: `${path}.${key}`, above })}`).join(',')}}`
}

function refusal ({ path }: Place, why: string): BackupError {
  return new BackupError('INVALID_OPTION', `an agent's output must be a JSON value, but ${path} ${why}`, { data: { path } })
}

/** The value of canonical JSON bytes; undefined if they are anything else. */
export function parseCanonicalJson (bytes: Uint8Array): { readonly value: Plain } | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return Buffer.compare(canonicalJson(value), bytes) === 0 ? { value: value as Plain } : undefined
  } catch {
    return undefined // not JSON
  }
}
