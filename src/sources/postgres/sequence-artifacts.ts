import type pg from 'pg'
import { BackupError } from '../../errors.ts'
import type { Artifact } from '../source.ts'
import type { CreatedRelation, Relation } from './catalog-relations.ts'
import { quoteQualified, sequenceId } from './identifier.ts'
import { asReadError } from './read-error.ts'
import { textContent } from './text-content.ts'

const SEQUENCES_A_QUERY = 200

interface Position {
  readonly oid: string
  readonly lastValue: string
  readonly isCalled: boolean
}

/**
 * Where sequences stand. They know no snapshots: what is read here is of now, so at or past every value that the rows of the snapshot hold.
 * On a standby they are up to 32 values ahead.
 * @throws {BackupError} `SOURCE_DENIED` naming the sequences that this user may not read
 */
export async function sequenceArtifacts (source: string, client: pg.Client, sequences: readonly CreatedRelation[]): Promise<Artifact[]> {
  await assertReadable(client, sequences.map(({ relation }) => relation))
  const positions = new Map<number, Position>()
  for (let done = 0; done < sequences.length; done += SEQUENCES_A_QUERY) {
    const queries = sequences.slice(done, done + SEQUENCES_A_QUERY).map(({ relation: { oid, schema, name } }) => `SELECT '${oid}' AS oid, last_value::text AS "lastValue", is_called AS "isCalled" FROM ${quoteQualified(schema, name)}`)
    const { rows } = await client.query<Position>(queries.join(' UNION ALL ')).catch((error: unknown) => { throw asReadError(error, { what: 'sequences', data: {} }) })
    for (const position of rows) positions.set(Number(position.oid), position)
  }
  return sequences.flatMap(({ relation, creator }) => {
    const position = positions.get(relation.oid)
    return position === undefined ? [] : [sequenceArtifact(source, relation, position, [creator])]
  })
}

function sequenceArtifact (source: string, { schema, name }: Relation, { isCalled, lastValue }: Position, deps: readonly string[]): Artifact {
  return {
    id: sequenceId(source, schema, name), kind: 'pg.sequence', deps, attributes: { schema, name },
    content: textContent(JSON.stringify({ isCalled, lastValue })),
  }
}

async function assertReadable (client: pg.Client, sequences: readonly Relation[]): Promise<void> {
  const { rows } = await client.query<{ oid: number }>("SELECT oid FROM unnest($1::oid[]) AS s (oid) WHERE NOT has_sequence_privilege(oid, 'SELECT')", [sequences.map(sequence => sequence.oid)])
  if (rows.length === 0) return
  const names = rows.map(({ oid }) => sequences.find(sequence => sequence.oid === oid)).map(sequence => `${sequence?.schema ?? ''}.${sequence?.name ?? ''}`)
  throw new BackupError('SOURCE_DENIED', `sequences ${names.join(', ')} cannot be read by this user: grant SELECT on them (or pg_read_all_data), or exclude them`, { data: { sequences: names } })
}
