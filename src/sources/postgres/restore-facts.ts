import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Value } from 'typebox/value'
import { BackupError } from '../../errors.ts'
import { collect } from '../../stream.ts'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'

const Text = Type.Union([Type.String(), Type.Null()])

/** The members of a `pg.database` content that a restore reads; it is not trusted to have them. */
const Facts = Type.Object({
  name: Type.String(),
  encoding: Type.String({ pattern: '^[A-Za-z0-9_]+$' }),
  collate: Type.String(),
  ctype: Type.String(),
  localeProvider: Type.Union([Type.Literal('libc'), Type.Literal('icu'), Type.Literal('builtin')]),
  locale: Text,
  icuRules: Type.Optional(Text),
  serverVersion: Type.String(),
  owner: Type.String(),
  acl: Type.Union([Type.Array(Type.String()), Type.Null()]),
  comment: Type.Optional(Text),
  settings: Type.Array(Type.Object({ role: Text, name: Type.String(), value: Type.String() })),
  extensions: Type.Array(Type.Object({ name: Type.String(), version: Type.String(), schema: Type.String() })),
  roles: Type.Array(Type.Object({ name: Type.String(), attributes: Type.Record(Type.String(), Type.Unknown()) })),
  order: Type.Array(Type.String()),
})

/** What a database is besides its objects and rows. */
export type DatabaseFacts = Static<typeof Facts>

const LONGEST = 256 * 1024 * 1024

/** @throws {BackupError} `BLOCK_INVALID` when the content is not what docs/format.md says */
export async function readFacts (item: Pick<RestoreItem, 'id' | 'read'>, options: AbortOptions = {}): Promise<DatabaseFacts> {
  const text = Buffer.from(await collect(item.read(options), { limit: LONGEST })).toString()
  return checkFacts(parsed(text), item.id)
}

/** @throws {BackupError} `BLOCK_INVALID` when `value` is not what docs/format.md says of the artifact `id` */
export function checkFacts (value: unknown, id: string): DatabaseFacts {
  const whole = typeof value === 'object' && value !== null ? { order: [], ...value } : value
  if (Value.Check(Facts, whole)) return whole
  throw new BackupError('BLOCK_INVALID', `${id} does not describe a database: ${[...Value.Errors(Facts, whole)][0]?.message ?? 'it is no JSON'}`, { data: { item: id } })
}

/** `15` of `15.18 (Debian …)`, `18` of `18beta1`. */
export function majorOf ({ serverVersion }: DatabaseFacts): number {
  return Number.parseInt(serverVersion, 10)
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
