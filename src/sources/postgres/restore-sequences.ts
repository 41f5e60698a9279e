import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import { collect } from '../../stream.ts'
import type { AbortOptions, Plain } from '../../stream.ts'
import type { RestoreItem } from '../source.ts'
import { quoteQualified } from './identifier.ts'
import { forItem } from './restore-error.ts'
import type { TableName } from './restore-rows.ts'

/** Where a sequence stands. */
export interface SequencePosition {
  /** Decimal digits: it may be beyond what a number holds. */
  readonly lastValue: string
  /** True if `lastValue` was given out already. */
  readonly isCalled: boolean
}

export function sequenceOf ({ attributes }: RestoreItem): TableName {
  return { schema: String(attributes['schema']), name: String(attributes['name']) }
}

/** @throws {BackupError} `BLOCK_INVALID` when the item's content is no position */
async function readPosition (item: RestoreItem, options: AbortOptions = {}): Promise<SequencePosition> {
  const text = Buffer.from(await collect(item.read(options), { limit: 4096 })).toString()
  const { lastValue, isCalled } = JSON.parse(text) as { readonly [key: string]: Plain }
  if (typeof lastValue !== 'string' || !/^-?\d+$/.test(lastValue) || typeof isCalled !== 'boolean') {
    throw new BackupError('BLOCK_INVALID', `${item.id} is no position of a sequence`, { data: { item: item.id } })
  }
  return { lastValue, isCalled }
}

/**
 * Puts a sequence where the item says. In a transaction it is undone with it, which `setval` alone is not:
 * a restart gives the sequence new storage, and setval then writes there.
 */
export async function setPosition (client: pg.Client, item: RestoreItem, { schema, name }: TableName, options: AbortOptions = {}): Promise<void> {
  const { lastValue, isCalled } = await readPosition(item, options)
  await forItem({ action: `set ${item.id}`, item: item.id }, async () => {
    const sequence = quoteQualified(schema, name)
    await client.query(`ALTER SEQUENCE ${sequence} RESTART`)
    await client.query('SELECT pg_catalog.setval($1::regclass, $2, $3)', [sequence, lastValue, isCalled])
  })
}

/** True if the sequence exists and stands where the item says. */
export async function sequenceMatches (client: pg.Client, item: RestoreItem, { schema, name }: TableName, options: AbortOptions = {}): Promise<boolean> {
  const wanted = await readPosition(item, options)
  const sequence = quoteQualified(schema, name)
  const { rows: [kind] } = await client.query<{ relkind: string }>('SELECT relkind FROM pg_catalog.pg_class WHERE oid = to_regclass($1)', [sequence])
  if (kind?.relkind !== 'S') return false
  const { rows: [row] } = await client.query<{ last_value: string, is_called: boolean }>(`SELECT last_value::text, is_called FROM ${sequence}`)
  return row?.last_value === wanted.lastValue && row.is_called === wanted.isCalled
}
