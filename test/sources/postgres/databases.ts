import { readFile } from 'node:fs/promises'
import pg from 'pg'
import type { TestPostgres } from '../../servers/postgres.ts'

/** Runs `work` on a connection of its own. */
export async function inDatabase<T> (postgres: TestPostgres, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { host, port, user, password } = postgres
  const client = new pg.Client({ host, port, user, password, database }) // pg does not decode every character of a URL
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

export async function createDatabase (postgres: TestPostgres, database: string, options = ''): Promise<void> {
  await inDatabase(postgres, 'postgres', async client => await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)} TEMPLATE template0 ${options}`))
}

/** A database with one of everything, and what it needs outside of itself. */
export async function createNastyDatabase (postgres: TestPostgres, database: string): Promise<void> {
  const script = await readFile(new URL('./nasty.sql', import.meta.url), 'utf8')
  await createDatabase(postgres, database)
  await inDatabase(postgres, database, async client => {
    await client.query('CREATE ROLE nasty_owner; CREATE ROLE "Nasty ""Reader""" NOINHERIT LOGIN PASSWORD \'x\' VALID UNTIL \'2040-01-01\'; GRANT nasty_owner TO "Nasty ""Reader"""')
    await client.query('SET allow_in_place_tablespaces = on')
    await client.query("CREATE TABLESPACE nasty_space LOCATION ''")
    await client.query(script.replaceAll('CURRENT_DATABASE_NAME', pg.escapeIdentifier(database)))
  })
}
