import { execFileSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import type { Act, Contender } from './contender.ts'

/** The folder of PostgreSQL's own client programs; undefined where they are not installed. */
export function postgresPrograms (): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...globSync('/usr/lib/postgresql/*/bin').sort().reverse()]
  return folders.find(folder => ['pg_dump', 'pg_restore', 'psql'].every(name => existsSync(join(folder, name))))
}

export interface Peers {
  readonly present: readonly Contender[]
  /** Why the others are not in the table. */
  readonly absent: readonly string[]
}

const DUMP = 'pg_dump --no-password'
/** The rows of one table out of a plain dump: neither program can choose among what is in a stored stream. */
const ONE_TABLE = String.raw`sed -n '/^COPY public.ai_sessions /,/^\\\.$/p'`
const TABLE_ALONE = 'CREATE TABLE ai_sessions (id bigint PRIMARY KEY, user_id uuid NOT NULL, transcript jsonb NOT NULL, updated_at timestamptz NOT NULL)'
const LOAD = 'psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname "$TARGET" > "$OUTPUT/psql.txt"'
const LOAD_TABLE = `psql --quiet --no-psqlrc --dbname "$TARGET" --command "${TABLE_ALONE}" && `

/** Those of the others that are installed here. */
export function findPeers (): Peers {
  const pgDump = postgresPrograms() === undefined ? undefined : versionOf('pg_dump', '--version')
  const hasCurl = versionOf('curl', '--version') !== undefined
  const candidates: Array<[string, string, (version: string) => Contender]> = [['restic', 'version', restic], ['borg', '--version', borg]]
  const found = candidates.map(([name, flag, make]) => ({ name, make, version: versionOf(name, flag) }))
  const stores = found.flatMap(({ make, version }) => version === undefined ? [] : [make(version)])
  return {
    present: [
      ...stores.map(store => pgDump === undefined ? withoutDatabase(store) : store).map(store => hasCurl ? store : withoutPoints(store)),
      ...pgDump === undefined ? [] : dumps(pgDump),
    ],
    absent: [
      ...found.filter(({ version }) => version === undefined).map(({ name }) => `${name}: not installed here`),
      ...pgDump === undefined ? ['pg_dump, and restic and borg with PostgreSQL: neither pg_dump nor psql is installed here'] : [],
      ...hasCurl ? [] : ['restic and borg with Qdrant: curl is not installed here'],
    ],
  }
}

function versionOf (name: string, flag: string): string | undefined {
  try {
    return execFileSync(name, [flag], { encoding: 'utf8', env: environment(), stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')[0]!.trim()
  } catch {
    return undefined
  }
}

/** What every child process gets: the programs' path, and nothing of this user's settings. */
export function environment (): Record<string, string> {
  return { PATH: [postgresPrograms(), process.env['PATH']].filter(part => part !== undefined).join(':'), LC_ALL: 'C.UTF-8', TZ: 'UTC' }
}

function withoutDatabase (contender: Contender): Contender {
  const { snapshotDatabase: _snapshot, restoreDatabase: _restore, restoreTable: _table, ...rest } = contender
  return rest
}

function withoutPoints (contender: Contender): Contender {
  const { snapshotPoints: _points, ...rest } = contender
  return rest
}

/** Qdrant's own snapshot of each collection, streamed to a command that finds its name in `COLLECTION`. */
function eachCollection (command: string): string {
  return String.raw`for COLLECTION in facts documents; do
    at="$QDRANT_URL/collections/$COLLECTION/snapshots"
    name=$(curl -sSf -X POST "$at" | grep -o '"name":"[^"]*"' | head -n 1 | cut -d '"' -f 4) && curl -sSf "$at/$name" | ${command} && curl -sSf -X DELETE "$at/$name" > "$OUTPUT/curl.txt" || exit 1
  done`
}

function restic (version: string): Contender {
  const text = 'restic dump --quiet latest database.sql'
  return {
    name: 'restic',
    version: version.replace(/ compiled.*/, ''),
    env: { RESTIC_PASSWORD: 'password of the benchmark' },
    init: 'restic init --quiet',
    start: 'restic version',
    list: 'restic snapshots',
    snapshotDatabase: `${DUMP} | restic backup --quiet --stdin --stdin-filename database.sql`,
    restoreDatabase: `${text} | ${LOAD}`,
    restoreTable: `${LOAD_TABLE} ${text} | ${ONE_TABLE} | ${LOAD}`,
    verify: 'restic check --quiet --read-data',
    snapshotFiles: 'restic backup --quiet --tag "n$NUMBER" "$FILES"',
    restoreFiles: 'restic restore --quiet latest --target "$OUTPUT/files"',
    findSnapshot: String.raw`restic snapshots --tag "n$NUMBER" --json | grep -o '"short_id":"[0-9a-f]*"' | cut -d '"' -f 4`,
    collect: 'restic forget --quiet --prune "$FOUND"',
    snapshotPoints: eachCollection('restic backup --quiet --stdin --stdin-filename "$COLLECTION.snapshot"'),
    makesTarget: false,
    caches: [],
  }
}

function borg (version: string): Contender {
  const create = 'borg create --compression zstd,3'
  const text = 'borg extract --stdout "::database-$NUMBER"'
  return {
    name: 'borg',
    version,
    env: { BORG_PASSPHRASE: 'password of the benchmark', BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes' },
    init: 'borg init --encryption repokey-blake2 2> "$OUTPUT/borg.txt"',
    start: 'borg --version',
    list: 'borg list',
    snapshotDatabase: `${DUMP} | ${create} "::database-$NUMBER" -`,
    restoreDatabase: `${text} | ${LOAD}`,
    restoreTable: `${LOAD_TABLE} ${text} | ${ONE_TABLE} | ${LOAD}`,
    verify: 'borg check --verify-data',
    snapshotFiles: `${create} "::files-$NUMBER" "$FILES"`,
    restoreFiles: 'mkdir "$OUTPUT/files" && cd "$OUTPUT/files" && borg extract "::files-$NUMBER"',
    findSnapshot: 'echo "files-$NUMBER"',
    collect: 'borg delete "::$FOUND" && borg compact',
    snapshotPoints: eachCollection(`${create} "::$COLLECTION-$NUMBER" -`),
    makesTarget: false,
    caches: [],
  }
}

/** No repository: a whole dump each time, in three ways: one file as pg_dump compresses by itself; by two processes; and by two without compression. */
function dumps (version: string): Contender[] {
  return [
    dump('pg_dump -Fc', version, '--format custom', ['database/unchanged']),
    dump('pg_dump -Fd -j2', version, '--format directory --jobs 2', ['database/unchanged']),
    dump('pg_dump -Fd -j2 -Z0', version, '--format directory --jobs 2 --compress 0', []),
  ]
}

function dump (name: string, version: string, options: string, leavesOut: readonly Act[]): Contender {
  const place = '"$STORE/database-$NUMBER.dump"'
  return {
    name,
    version,
    env: {},
    snapshotDatabase: `${DUMP} ${options} --file ${place}`,
    restoreDatabase: `pg_restore --jobs 2 --dbname "$TARGET" ${place}`,
    restoreTable: `pg_restore --table ai_sessions --dbname "$TARGET" ${place}`,
    leavesOut,
    makesTarget: false,
    caches: [],
  }
}
