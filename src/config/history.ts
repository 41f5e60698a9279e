import { stat } from 'node:fs/promises'
import type { AbortOptions } from '../stream.ts'
import type { RestoreTargets } from './restore-targets.ts'
import type { SourceConfig } from './source-config.ts'
import { targetAsSource } from './target-overrides.ts'

/** The targets, as sources, whose present state a restore may replace: what does not exist, or may not be replaced, needs no snapshot first. */
export async function replaceable (sources: readonly SourceConfig[], targets: RestoreTargets, options: AbortOptions): Promise<SourceConfig[]> {
  const found: SourceConfig[] = []
  for (const source of sources) {
    const override = targets.overrides[source.name]
    const target = targetAsSource(source, override)
    if ((targets.replace || override?.mode === 'in-place') && await exists(target, options)) found.push(target)
  }
  return found
}

async function exists (target: SourceConfig, options: AbortOptions): Promise<boolean> {
  switch (target.kind) {
    case 'postgres': {
      const { databaseExists } = await import('./open-postgres.ts')
      return await databaseExists(target, options)
    }
    case 'qdrant': return true
    case 'files': return await isThere(target.folder)
    case 'matrices': return 'metadata' in target.place || await isThere(target.place.folder)
  }
}

async function isThere (folder: string): Promise<boolean> {
  return await stat(folder).then(() => true, () => false)
}
