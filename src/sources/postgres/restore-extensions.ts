import type pg from 'pg'
import type { DatabaseFacts } from './restore-facts.ts'

/** The captured version of each extension that the server can create in it. */
export async function extensionVersions (client: pg.Client, facts: Pick<DatabaseFacts, 'extensions'> | undefined): Promise<Map<string, string>> {
  const extensions = facts?.extensions ?? []
  const { rows } = await client.query<{ name: string, version: string }>(
    'SELECT a.name, a.version FROM pg_catalog.pg_available_extension_versions a JOIN unnest($1::text[], $2::text[]) AS wanted (name, version) USING (name, version)',
    [extensions.map(({ name }) => name), extensions.map(({ version }) => version)])
  return new Map(rows.map(({ name, version }) => [name, version]))
}
