import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { belongsTo, createRestoring, dropDatabase, findDatabase, setMarker, targetNames } from '../../../src/sources/postgres/restore-databases.ts'
import { openMaintenance } from '../../../src/sources/postgres/restore-maintenance.ts'
import { decodeMarker, encodeMarker } from '../../../src/sources/postgres/restore-marker.ts'
import { switchDatabases } from '../../../src/sources/postgres/restore-switch.ts'
import { PostgresServer } from '../../../src/sources/postgres/server.ts'
import { startPostgres } from '../../servers/postgres.ts'
import type { TestPostgres } from '../../servers/postgres.ts'

const OWNER = 'postgres -> app'
const names = targetNames('app')

describe('the databases of a restore', () => {
  let running: TestPostgres
  let server: PostgresServer
  let client: pg.Client
  let helper: pg.Client

  beforeAll(async () => {
    running = await startPostgres({ major: 15 })
    server = new PostgresServer({ url: running.url('postgres'), maxConnections: 8 })
  })
  afterAll(async () => { await running.stop() })
  beforeEach(async () => {
    client = await openMaintenance(server, 'app', { owner: OWNER, waitMs: 1000 })
    helper = await server.connect('postgres')
  })
  afterEach(async () => {
    for (const name of [names.live, names.restoring, names.replaced]) await dropDatabase(client, name)
    await server.release(client)
    await server.release(helper)
  })

  const create = async (): Promise<void> => { await createRestoring(client, names.restoring, { owner: OWNER, properties: "ENCODING 'UTF8'", comment: null }) }
  const comments = async (): Promise<Record<string, string | null>> => {
    const found: Record<string, string | null> = {}
    for (const name of [names.live, names.restoring, names.replaced]) {
      const database = await findDatabase(client, name)
      if (database !== undefined) found[name] = database.comment
    }
    return found
  }
  const livingWith = async (options: { readonly disconnect: boolean }) => ({ ...options, owner: OWNER, comment: 'of the backup', live: await findDatabase(client, 'app') })

  it('marks what it creates', async () => {
    await create()
    const found = await findDatabase(client, names.restoring)
    expect(found?.marker).toEqual({ owner: OWNER, state: 'preparing', comment: null })
    expect(found !== undefined && belongsTo(found, OWNER)).toBe(true)
    expect(found !== undefined && belongsTo(found, 'other -> app')).toBe(false)
    await server.release(await server.connect(names.restoring))
  })

  it('knows a database whose marking was cut off, and never one that somebody else made', async () => {
    await client.query('CREATE DATABASE app__restoring ALLOW_CONNECTIONS false CONNECTION LIMIT 0')
    await client.query('CREATE DATABASE app__replaced')
    const [ours, foreign] = [await findDatabase(client, 'app__restoring'), await findDatabase(client, 'app__replaced')]
    expect(ours !== undefined && belongsTo(ours, OWNER)).toBe(true)
    expect(foreign !== undefined && belongsTo(foreign, OWNER)).toBe(false)
    await client.query("COMMENT ON DATABASE app__restoring IS 'mine'")
    const commented = await findDatabase(client, 'app__restoring')
    expect(commented !== undefined && belongsTo(commented, OWNER)).toBe(false)
  })

  it('gives the restored database its name and comment', async () => {
    await create()
    await switchDatabases(client, helper, names, await livingWith({ disconnect: false }))
    expect(await comments()).toEqual({ app: 'of the backup' })
  })

  it('keeps the replaced database, and its comment, under another name', async () => {
    await client.query('CREATE DATABASE app')
    await client.query("COMMENT ON DATABASE app IS 'of before'")
    await create()
    await switchDatabases(client, helper, names, await livingWith({ disconnect: false }))
    const { app__replaced: replaced, ...rest } = await comments()
    expect(rest).toEqual({ app: 'of the backup' })
    expect(decodeMarker(replaced ?? null)).toEqual({ owner: OWNER, state: 'replaced', comment: 'of before' })
  })

  it('names who is connected and changes nothing', async () => {
    await client.query('CREATE DATABASE app')
    await create()
    const user = await server.connect('app')
    const before = await comments()
    await expect(switchDatabases(client, helper, names, await livingWith({ disconnect: false }))).rejects.toMatchObject({ code: 'TARGET_FAILED', data: { database: 'app', connected: [expect.stringContaining('postgres (caf, process')] } })
    expect(await comments()).toEqual(before)
    await user.query('SELECT 1')
    await server.release(user)
  })

  it('throws out who is connected when told to, and keeps newcomers out meanwhile', async () => {
    await client.query('CREATE DATABASE app')
    await create()
    const [user, watcher] = [await server.connect('app'), await server.connect(names.restoring)]
    await switchDatabases(client, helper, names, await livingWith({ disconnect: true }))
    expect(Object.keys(await comments()).sort()).toEqual(['app', 'app__replaced'])
    for (const cut of [user, watcher]) {
      await expect(cut.query('SELECT 1')).rejects.toThrow()
      server.destroy(cut)
    }
  })

  it('lets only one process work at a restore', async () => {
    await expect(openMaintenance(server, 'app', { owner: OWNER, waitMs: 50 })).rejects.toMatchObject({ code: 'RESTORE_PENDING' })
    await server.release(await openMaintenance(server, 'app', { owner: 'other -> app', waitMs: 50 }))
  })

  it('refuses names that leave no room for a suffix', () => {
    expect(() => targetNames('x'.repeat(53))).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(() => targetNames('')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    expect(targetNames('x'.repeat(52)).restoring).toHaveLength(63)
  })

  it('reads its own markers only', async () => {
    const marker = { owner: OWNER, state: 'ready', comment: 'a "b" \n c' } as const
    expect(decodeMarker(encodeMarker(marker))).toEqual(marker)
    for (const comment of [null, '', 'caf restore ', 'caf restore []', 'caf restore {"owner":"x","state":"odd"}', 'caf restore {"state":"ready"}']) expect(decodeMarker(comment)).toBeUndefined()
    await client.query('CREATE DATABASE app')
    await setMarker(client, 'app', marker)
    expect((await findDatabase(client, 'app'))?.marker).toEqual(marker)
  })
})
