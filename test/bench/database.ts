import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { edgeRows, factRows, population, sessionRows, userRows } from './rows.ts'

const TABLES = `
  CREATE SCHEMA auth;
  CREATE TABLE auth.users (id uuid PRIMARY KEY, email text NOT NULL, password text NOT NULL, created_at timestamptz NOT NULL, profile jsonb NOT NULL);
  CREATE TABLE atomic_facts (id bigint PRIMARY KEY, user_id uuid NOT NULL, content text NOT NULL, embedding real[] NOT NULL, confidence real NOT NULL, created_at timestamptz NOT NULL);
  CREATE TABLE knowledge_graph_edges (id bigint PRIMARY KEY, source_id bigint NOT NULL, target_id bigint NOT NULL, relation text NOT NULL, weight real NOT NULL, created_at timestamptz NOT NULL, properties jsonb NOT NULL);
  CREATE TABLE ai_sessions (id bigint PRIMARY KEY, user_id uuid NOT NULL, transcript jsonb NOT NULL, updated_at timestamptz NOT NULL);`

const INDEXES = `
  CREATE UNIQUE INDEX users_email ON auth.users (email);
  CREATE INDEX facts_of_user ON atomic_facts (user_id, created_at);
  CREATE INDEX edges_from ON knowledge_graph_edges (source_id);
  CREATE INDEX edges_to ON knowledge_graph_edges (target_id);
  CREATE INDEX sessions_of_user ON ai_sessions (user_id);
  ALTER TABLE atomic_facts ADD FOREIGN KEY (user_id) REFERENCES auth.users;
  ALTER TABLE knowledge_graph_edges ADD FOREIGN KEY (source_id) REFERENCES atomic_facts ON DELETE CASCADE;
  ALTER TABLE knowledge_graph_edges ADD FOREIGN KEY (target_id) REFERENCES atomic_facts ON DELETE CASCADE;
  ALTER TABLE ai_sessions ADD FOREIGN KEY (user_id) REFERENCES auth.users;`

/** Makes the application's tables in an empty database and fills them; bytes of the rows as COPY text. */
export async function fillDatabase (client: pg.Client, scale: number): Promise<number> {
  const { users, facts, edges, sessions } = population(scale)
  await client.query(TABLES)
  const bytes = await copy(client, 'auth.users', userRows(0, users)) + await copy(client, 'atomic_facts', factRows(1, facts + 1, users)) +
    await copy(client, 'knowledge_graph_edges', edgeRows(1, edges + 1, facts)) + await copy(client, 'ai_sessions', sessionRows(1, sessions + 1, users))
  await client.query(INDEXES)
  await settle(client)
  return bytes
}

/**
 * One day of the application: of the facts 1 % are revised, here and there, 0.2 % deleted (their edges with them), 1 % new; 2 % of the
 * sessions go on; 0.5 % more edges. `day` counts from 1.
 */
export async function liveDay (client: pg.Client, scale: number, day: number): Promise<void> {
  const { users, facts, edges } = population(scale)
  const [newFacts, newEdges] = [Math.round(facts / 100), Math.round(edges / 200)]
  const [firstFact, firstEdge] = [facts + 1 + (day - 1) * newFacts, edges + 1 + (day - 1) * newEdges]
  await client.query(`UPDATE atomic_facts SET content = content || ' revised on day ${day}', confidence = 0.5 WHERE ${chosen(day, 10)}`)
  await client.query(`DELETE FROM atomic_facts WHERE ${chosen(day + 500, 2)}`)
  await client.query(`UPDATE ai_sessions SET transcript = transcript || '{"continued": ${day}}', updated_at = updated_at + interval '1 hour' WHERE ${chosen(day, 20)}`)
  await copy(client, 'atomic_facts', factRows(firstFact, firstFact + newFacts, users))
  await client.query('CREATE TEMP TABLE drafts (LIKE knowledge_graph_edges)')
  await copy(client, 'drafts', edgeRows(firstEdge, firstEdge + newEdges, firstFact))
  const exists = (column: string): string => `EXISTS (SELECT FROM atomic_facts f WHERE f.id = ${column})`
  await client.query(`INSERT INTO knowledge_graph_edges SELECT * FROM drafts WHERE ${exists('source_id')} AND ${exists('target_id')}`)
  await client.query('DROP TABLE drafts')
  await settle(client)
}

/** What tells a restored database from a wrong one: rows of each table, and a digest over a tenth of the facts. */
export async function databaseFingerprint (client: pg.Client): Promise<string> {
  const count = (table: string): string => `(SELECT count(*) FROM ${table})`
  const digest = `(SELECT sum(hashtextextended(f::text, 0)) FROM atomic_facts f WHERE id % 10 = 0)`
  const tables = ['auth.users', 'atomic_facts', 'knowledge_graph_edges', 'ai_sessions']
  const { rows } = await client.query<{ fingerprint: string }>(`SELECT concat_ws(' ', ${[...tables.map(count), digest].join(', ')}) AS fingerprint`)
  return rows[0]!.fingerprint
}

export async function countSessions (client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ count: string }>('SELECT count(*) FROM ai_sessions')
  return rows[0]!.count
}

/** So many thousandths of the rows, strewn over the table, others each day. */
function chosen (day: number, thousandths: number): string {
  return `(((id * 2654435761 + ${day * 40_503_123}) >> 13) % 1000) < ${thousandths}`
}

async function copy (client: pg.Client, table: string, rows: Iterable<string>): Promise<number> {
  let bytes = 0
  const counted = function * (): Generator<string> {
    for (const piece of pieces(rows)) {
      bytes += piece.length // all of it is ASCII
      yield piece
    }
  }
  await pipeline(Readable.from(counted()), client.query(copyFrom(`COPY ${table} FROM STDIN`)))
  return bytes
}

const PIECE_LENGTH = 65_536

function * pieces (rows: Iterable<string>): Generator<string> {
  let piece = ''
  for (const row of rows) {
    piece += row
    if (piece.length < PIECE_LENGTH) continue
    yield piece
    piece = ''
  }
  if (piece !== '') yield piece
}

/** So that whoever reads first does not pay for the writer's hint bits and dirty pages. */
async function settle (client: pg.Client): Promise<void> {
  await client.query('VACUUM ANALYZE')
  await client.query('CHECKPOINT')
}
