import { readFileSync } from 'node:fs'
import pg from 'pg'
import { postgresRestorer } from '../../../src/sources/postgres/restorer.ts'
import type { PostgresRestorerOptions } from '../../../src/sources/postgres/restorer.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import type { RestoreItem } from '../../../src/sources/source.ts'
import { item } from './captured-items.ts'

/** What a process that restores, and dies at it, is told. */
export interface KilledRestore {
  readonly url: string
  readonly options: Omit<PostgresRestorerOptions, 'server'>
  /** A file with the items as {@link StoredItem}s. */
  readonly items: string
  readonly act: 'prepare' | 'commit' | 'prepare and commit'
  /** It dies by SIGKILL right after the statement of this number (from 1), or of this text, went to the server; 0: never. */
  readonly dieAfter: number | string
}

export interface StoredItem extends Pick<RestoreItem, 'id' | 'kind' | 'deps' | 'attributes' | 'layout'> {
  readonly base64: string
}

const { url, options, items: file, act, dieAfter } = JSON.parse(process.argv[2]!) as KilledRestore
const items = (JSON.parse(readFileSync(file, 'utf8')) as StoredItem[]).map(({ base64, layout, ...about }) =>
  item(about, Buffer.from(base64, 'base64'), layout === undefined ? { form: 'bytes' } : { form: 'rows', layout }))
const restorer = postgresRestorer({ ...options, server: new PostgresServer({ url }) })

let statements = 0
const send = pg.Client.prototype.query as (...args: unknown[]) => unknown
pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
  const result = send.apply(this, args)
  if (++statements === dieAfter || args[0] === dieAfter) setImmediate(() => process.kill(process.pid, 'SIGKILL'))
  return result
} as typeof pg.Client.prototype.query

if (act !== 'commit') await restorer.prepare(items)
if (act !== 'prepare') await restorer.commit()
await restorer.close()
process.stdout.write(`${statements}`)
