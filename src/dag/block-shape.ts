import * as v from 'valibot'
import { BackupError } from '../errors.ts'
import { fits, problemOf } from '../shape.ts'
import type { Shape } from '../shape.ts'
import type { Plain } from '../stream.ts'
import { CID } from './block.ts'

/** Shapes of what blocks hold beside plain JSON types. */
export const Link: v.GenericSchema<CID> = v.custom<CID>(value => CID.asCID(value) !== null, 'must be a link')
export const Seed: v.GenericSchema<Uint8Array> = v.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === 16, 'must be 16 bytes')
export const PlainObject: v.GenericSchema<{ readonly [key: string]: Plain }> =
  v.custom<{ readonly [key: string]: Plain }>(value => typeof value === 'object' && value !== null && !Array.isArray(value) && isPlain(value), 'must be an object of plain JSON')
export const Text = v.string()
export const Texts = v.array(Text)

/**
 * A function that gives a decoded block back as `T`, or throws what is wrong with it.
 * `shape` must describe `T`, with `kind` and `v`.
 * @throws {BackupError} `BLOCK_INVALID` naming block and member, `FORMAT_UNKNOWN` for a later version.
 */
export function shapeCheck<T> (kind: string, shape: Shape): (value: unknown, cid?: CID) => T {
  return (value, cid) => {
    const { kind: foundKind, v: version, id } = typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
    const name = [kind, typeof id === 'string' ? id : undefined, cid === undefined ? undefined : `(${cid})`].filter(part => part !== undefined).join(' ')
    const data = { cid: cid?.toString(), id }
    if (foundKind !== kind) throw new BackupError('BLOCK_INVALID', `${name} is of the kind ${JSON.stringify(foundKind) ?? 'unknown'}`, { data })
    if (typeof version === 'number' && version > 1) throw new BackupError('FORMAT_UNKNOWN', `${name} has version ${version}; this program knows 1`, { data: { ...data, v: version } })
    if (fits(shape, value)) return value as T
    const { path, text } = problemOf(shape, value)!
    const member = path.join('.')
    throw new BackupError('BLOCK_INVALID', `${name}: ${member === '' ? 'it' : member} ${text}`, { data: { ...data, member } })
  }
}

function isPlain (value: unknown): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isPlain)
  return typeof value === 'object' && CID.asCID(value) === null && !ArrayBuffer.isView(value) && Object.values(value).every(isPlain)
}
