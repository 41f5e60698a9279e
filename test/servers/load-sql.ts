import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

/**
 * Runs a file of pg_dump's plain text, COPY blocks included, as psql would; roles that it names and the server lacks
 * are made on the way. The file is held whole.
 */
export async function loadSqlFile (client: pg.Client, path: string): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  let done = 0
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (!/^COPY .* FROM stdin;$/.test(line)) continue
    await runMakingRoles(client, lines.slice(done, at).join('\n'))
    const end = lines.indexOf('\\.', at)
    const rows = lines.slice(at + 1, end).map(row => `${row}\n`)
    await pipeline(Readable.from(rows), client.query(copyFrom(line)))
    at = end
    done = end + 1
  }
  await runMakingRoles(client, lines.slice(done).join('\n'))
}

/** One round trip is one transaction, so it can be run again once the role is there. */
async function runMakingRoles (client: pg.Client, sql: string): Promise<void> {
  for (;;) {
    try {
      await client.query(sql)
      return
    } catch (error) {
      const role = /^role "(.+)" does not exist$/.exec(error instanceof Error ? error.message : '')?.[1]
      if (role === undefined) throw error
      await client.query(`CREATE ROLE ${pg.escapeIdentifier(role)}`)
    }
  }
}
