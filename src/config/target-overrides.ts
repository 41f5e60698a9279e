import { resolve } from 'node:path'
import { BackupError } from '../errors.ts'
import type { SourceConfig } from './source-config.ts'

/** What the command line says about where a restore goes, as it was typed. */
export interface TargetFlags {
  /** `name` or `source=name`. */
  readonly databases?: readonly string[]
  /** `from=to`. */
  readonly schemas?: readonly string[]
  /** `from=to`. */
  readonly collections?: readonly string[]
  /** `path` or `source=path`. */
  readonly folders?: readonly string[]
}

/** Where one source is restored to, when not to its configured target. */
export interface TargetOverride {
  readonly database?: string
  /** Absolute. */
  readonly folder?: string
  /** Old name to new name. */
  readonly schemas?: Readonly<Record<string, string>>
  readonly collections?: Readonly<Record<string, string>>
  /** How a database is restored, once that is decided. */
  readonly mode?: 'create' | 'in-place'
}

/** By the names of sources. Plain data: a restore's journal keeps it, so that `--resume` goes to the same places. */
export type TargetOverrides = Readonly<Record<string, TargetOverride>>

export interface OverridePlace {
  /** Those that are restored. */
  readonly sources: readonly SourceConfig[]
  /** Folder that relative paths start from. */
  readonly cwd: string
}

/** Finds which source each flag means. @throws {BackupError} `INVALID_OPTION` when it could mean several, or none */
export function targetOverrides ({ databases = [], schemas = [], collections = [], folders = [] }: TargetFlags, { sources, cwd }: OverridePlace): TargetOverrides {
  const among = (...wanted: Array<SourceConfig['kind']>): string[] => sources.filter(({ kind }) => wanted.includes(kind)).map(({ name }) => name)
  const renamings = (flag: string, given: readonly string[]): Readonly<Record<string, string>> => Object.fromEntries(given.map(text => renaming(flag, text)))
  const found: Record<string, TargetOverride> = {}
  const put = (name: string, override: TargetOverride): void => { found[name] = { ...found[name], ...override } }
  for (const text of databases) {
    const { name, value } = assignment('--to-database', text, among('postgres'))
    put(name, { database: value })
  }
  for (const text of folders) {
    const { name, value } = assignment('--to-folder', text, among('files', 'matrices'))
    put(name, { folder: resolve(cwd, value) })
  }
  if (schemas.length > 0) for (const name of among('postgres')) put(name, { schemas: renamings('--to-schema', schemas) })
  if (collections.length > 0) for (const name of among('qdrant')) put(name, { collections: renamings('--to-collection', collections) })
  return found
}

/** `value`, which the only candidate gets, or `name=value`. */
function assignment (flag: string, text: string, candidates: readonly string[]): { name: string, value: string } {
  const split = text.indexOf('=')
  const named = candidates.find(name => name === text.slice(0, Math.max(0, split)))
  if (named !== undefined) return { name: named, value: text.slice(split + 1) }
  const [only, another] = candidates
  if (only === undefined) throw new BackupError('INVALID_OPTION', `${flag} has nothing to apply to: no such source is configured, or none is restored`, { data: { flag } })
  if (another !== undefined) throw new BackupError('INVALID_OPTION', `${flag} ${text} could mean any of ${candidates.join(', ')}: write ${flag} ${only}=${text}`, { data: { flag, candidates } })
  return { name: only, value: text }
}

function renaming (flag: string, text: string): [from: string, to: string] {
  const [from = '', to = '', more] = text.split('=')
  if (from === '' || to === '' || more !== undefined) throw new BackupError('INVALID_OPTION', `${flag} must be from=to, not ${text}`, { data: { flag } })
  return [from, to]
}

/** A source that reads where `source` is restored to. */
export function targetAsSource<Config extends SourceConfig> (source: Config, override: TargetOverride = {}): Config {
  return { ...source, ...placeOf(source, override) }
}

function placeOf (source: SourceConfig, { database, folder }: TargetOverride): Partial<SourceConfig> {
  switch (source.kind) {
    case 'postgres': {
      const { target } = source
      // The name of the source's own database says nothing about another server.
      const own = target.url === undefined ? source.database : undefined
      return { url: target.url ?? source.url, database: database ?? target.database ?? own, replicaUrl: undefined }
    }
    case 'qdrant': return { url: source.target.url, apiKey: source.target.apiKey, collections: undefined }
    case 'files': return { folder: folder ?? source.target.folder }
    case 'matrices': return { place: folder === undefined ? source.target : { folder } }
  }
}
