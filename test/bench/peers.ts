import { execFileSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import type { Contender } from './contender.ts'

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
  const hasPostgres = postgresPrograms() !== undefined
  const candidates: Array<[string, string, (version: string) => Contender]> = [['restic', 'version', restic], ['borg', '--version', borg], ['pg_dump', '--version', pgDump]]
  const found = candidates.map(([name, flag, make]) => ({ name, make, version: versionOf(name, flag) }))
  return {
    present: found.flatMap(({ make, version }) => version === undefined ? [] : [hasPostgres ? make(version) : withoutDatabase(make(version))]),
    absent: [
      ...found.filter(({ version }) => version === undefined).map(({ name }) => `${name}: not installed here`),
      ...hasPostgres ? [] : ['restic and borg with PostgreSQL: neither pg_dump nor psql is installed here'],
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

function restic (version: string): Contender {
  const text = 'restic dump --quiet latest database.sql'
  return {
    name: 'restic',
    version: version.replace(/ compiled.*/, ''),
    env: { RESTIC_PASSWORD: 'password of the benchmark' },
    init: 'restic init --quiet',
    start: 'restic version',
    snapshotDatabase: `${DUMP} | restic backup --quiet --stdin --stdin-filename database.sql`,
    restoreDatabase: `${text} | ${LOAD}`,
    restoreTable: `${LOAD_TABLE} ${text} | ${ONE_TABLE} | ${LOAD}`,
    verify: 'restic check --quiet --read-data',
    snapshotFiles: 'restic backup --quiet --tag "n$NUMBER" "$FILES"',
    restoreFiles: 'restic restore --quiet latest --target "$OUTPUT/files"',
    findSnapshot: String.raw`restic snapshots --tag "n$NUMBER" --json | grep -o '"short_id":"[0-9a-f]*"' | cut -d '"' -f 4`,
    collect: 'restic forget --quiet --prune "$FOUND"',
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
    snapshotDatabase: `${DUMP} | ${create} "::database-$NUMBER" -`,
    restoreDatabase: `${text} | ${LOAD}`,
    restoreTable: `${LOAD_TABLE} ${text} | ${ONE_TABLE} | ${LOAD}`,
    verify: 'borg check --verify-data',
    snapshotFiles: `${create} "::files-$NUMBER" "$FILES"`,
    restoreFiles: 'mkdir "$OUTPUT/files" && cd "$OUTPUT/files" && borg extract "::files-$NUMBER"',
    findSnapshot: 'echo "files-$NUMBER"',
    collect: 'borg delete "::$FOUND" && borg compact',
    makesTarget: false,
    caches: [],
  }
}

/** No repository: a whole dump each time in the custom format, compressed as pg_dump does by itself. */
function pgDump (version: string): Contender {
  const dump = '"$STORE/database-$NUMBER.dump"'
  return {
    name: 'pg_dump',
    version,
    env: {},
    start: 'pg_dump --version',
    snapshotDatabase: `${DUMP} --format custom --file ${dump}`,
    restoreDatabase: `pg_restore --jobs 2 --dbname "$TARGET" ${dump}`,
    restoreTable: `pg_restore --table ai_sessions --dbname "$TARGET" ${dump}`,
    makesTarget: false,
    caches: [],
  }
}
