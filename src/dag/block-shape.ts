import Type from 'typebox'
import { Compile } from 'typebox/compile'
import type { TObject, TProperties, TSchema, TUnsafe } from 'typebox'
import { BackupError } from '../errors.ts'
import type { Plain } from '../stream.ts'
import { CID } from './block.ts'

/** Schemas of what blocks hold beside plain JSON types. */
export const Link: TUnsafe<CID> = Type.Refine(Type.Unsafe<CID>({}), value => CID.asCID(value) !== null, () => 'must be a link')
export const Seed: TUnsafe<Uint8Array> = Type.Refine(Type.Unsafe<Uint8Array>({}), value => (value as unknown) instanceof Uint8Array && value.length === 16, () => 'must be 16 bytes')
export const PlainObject: TUnsafe<{ readonly [key: string]: Plain }> = Type.Refine(Type.Unsafe<{ readonly [key: string]: Plain }>({ type: 'object' }), isPlain, () => 'must be plain JSON')
export const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const Text = Type.String()
export const Texts = Type.Array(Text)
export const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' })

/** An object with these members and no others. */
export function closed<P extends TProperties> (properties: P): TObject<P> {
  return Type.Object(properties, { additionalProperties: false })
}

/**
 * A function that gives a decoded block back as `T`, or throws what is wrong with it.
 * `schema` must describe `T`, with `kind` and `v`.
 * @throws {BackupError} `BLOCK_INVALID` naming block and member, `FORMAT_UNKNOWN` for a later version.
 */
export function shapeCheck<T> (kind: string, schema: TSchema): (value: unknown, cid?: CID) => T {
  const validator = Compile(schema)
  return (value, cid) => {
    const { kind: foundKind, v, id } = typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
    const name = [kind, typeof id === 'string' ? id : undefined, cid === undefined ? undefined : `(${cid})`].filter(part => part !== undefined).join(' ')
    const data = { cid: cid?.toString(), id }
    if (foundKind !== kind) throw new BackupError('BLOCK_INVALID', `${name} is of the kind ${JSON.stringify(foundKind) ?? 'unknown'}`, { data })
    if (typeof v === 'number' && v > 1) throw new BackupError('FORMAT_UNKNOWN', `${name} has version ${v}; this program knows 1`, { data: { ...data, v } })
    if (!validator.Check(value)) {
      const [error] = validator.Errors(value)
      const member = error!.instancePath.slice(1).replaceAll('/', '.')
      throw new BackupError('BLOCK_INVALID', `${name}: ${member === '' ? 'it' : member} ${error!.message}`, { data: { ...data, member } })
    }
    return value as T
  }
}

function isPlain (value: unknown): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (Array.isArray(value)) return value.every(isPlain)
  return typeof value === 'object' && CID.asCID(value) === null && !ArrayBuffer.isView(value) && Object.values(value).every(isPlain)
}
