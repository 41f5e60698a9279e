import * as v from 'valibot'
import { BackupError } from '../../errors.ts'
import { fits, problemOf } from '../../shape.ts'
import type { Shaped } from '../../shape.ts'
import { collect } from '../../stream.ts'
import type { AbortOptions } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'

const Text = v.nullable(v.string())

/** The members of a `pg.database` content that a restore reads; it is not trusted to have them. */
const Facts = v.object({
  name: v.string(),
  encoding: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_]+$/)),
  collate: v.string(),
  ctype: v.string(),
  localeProvider: v.picklist(['libc', 'icu', 'builtin']),
  locale: Text,
  icuRules: v.exactOptional(Text),
  serverVersion: v.string(),
  owner: v.string(),
  acl: v.nullable(v.array(v.string())),
  comment: v.exactOptional(Text),
  settings: v.array(v.object({ role: Text, name: v.string(), value: v.string() })),
  extensions: v.array(v.object({ name: v.string(), version: v.string(), schema: v.string() })),
  roles: v.array(v.object({ name: v.string(), attributes: v.record(v.string(), v.unknown()) })),
  order: v.array(v.string()),
})

/** What a database is besides its objects and rows. */
export type DatabaseFacts = Shaped<typeof Facts>

const LONGEST = 256 * 1024 * 1024

/** @throws {BackupError} `BLOCK_INVALID` when the content is not what docs/format.md says */
export async function readFacts (item: Pick<RestoreItem, 'id' | 'read'>, options: AbortOptions = {}): Promise<DatabaseFacts> {
  const text = Buffer.from(await collect(item.read(options), { limit: LONGEST })).toString()
  return checkFacts(parsed(text), item.id)
}

/** @throws {BackupError} `BLOCK_INVALID` when `value` is not what docs/format.md says of the artifact `id` */
export function checkFacts (value: unknown, id: string): DatabaseFacts {
  const whole = typeof value === 'object' && value !== null ? { order: [], ...value } : value
  if (fits(Facts, whole)) return whole
  const { path, text } = problemOf(Facts, whole)!
  throw new BackupError('BLOCK_INVALID', `${id} does not describe a database: ${path.length === 0 ? 'it' : path.join('.')} ${text}`, { data: { item: id } })
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
