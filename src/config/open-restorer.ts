import { BackupError } from '../errors.ts'
import { qdrantRestorer } from '../sources/qdrant/qdrant-restorer.ts'
import type { Restorer } from '../sources/source.ts'
import type { SourceConfig } from './load-config.ts'
import type { TargetOverrides } from './target-overrides.ts'

/** Where a restore goes and what it may do there: plain data without secrets. */
export interface RestoreTargets {
  readonly overrides: TargetOverrides
  /** Paths in the files source, when only these are restored. */
  readonly files?: readonly string[]
  readonly replace: boolean
  readonly skipOwners: boolean
}

/** Brings artifacts of the source `config` back to its target, or where `targets` say. Connects to nothing yet. */
export async function openRestorer (config: SourceConfig, { overrides, replace }: RestoreTargets): Promise<Restorer> {
  const { collections } = overrides[config.name] ?? {}
  switch (config.kind) {
    case 'qdrant': {
      const { name, target } = config
      // A copy under another name must not take the original's aliases.
      return qdrantRestorer({ name, url: target.url, apiKey: await target.apiKey?.reveal(), replace: replace ? 'swap' : 'refuse', ...(collections !== undefined && { collections, aliases: 'skip' }) })
    }
    default: throw new BackupError('SOURCE_UNSUPPORTED', `sources of the kind ${config.kind} are not there yet`)
  }
}
