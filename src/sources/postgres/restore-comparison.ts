import type { Artifact, RestoreItem } from '../source.ts'
import { isAboutOwners } from './restore-blobs.ts'
import { readFacts } from './restore-facts.ts'
import { differingMembers } from './restore-properties.ts'
import { NO_RENAMING } from './restore-renaming.ts'
import { readSql } from './restore-sql.ts'
import { adapted } from './restore-statements.ts'
import type { StatementContext } from './restore-statements.ts'
import { essence } from './restore-tokens.ts'

/** True if `artifact`, of the target, is what the item says. Its content is read at most once. */
export async function sameArtifact (item: RestoreItem, artifact: Artifact | undefined, options: StatementContext): Promise<boolean> {
  if (item.kind === 'pg.object') return await sameObject(item, artifact, options)
  if (item.kind === 'pg.refresh') return artifact !== undefined
  if (item.kind === 'pg.database') return await sameDatabase(item, artifact, options)
  if (options.owners === 'skip' && isAboutOwners(item)) return true
  return artifact !== undefined && await item.matches(artifact.content, { signal: options.signal })
}

async function sameDatabase (item: RestoreItem, artifact: Artifact | undefined, options: StatementContext): Promise<boolean> {
  const content = artifact?.content
  if (content?.form !== 'bytes') return false
  const [wanted, found] = [await readFacts(item, options), await readFacts({ id: item.id, read: abort => content.read(abort) }, options)]
  return differingMembers(wanted, found, options).length === 0
}

/** True if the artifact's SQL means the same as the item's does in this target. */
async function sameObject (item: RestoreItem, artifact: Artifact | undefined, options: StatementContext): Promise<boolean> {
  const wanted = adapted(await readSql(item, options), item, options)
  if (artifact?.content.form !== 'bytes') return wanted.length === 0
  const found = adapted(await readSql(artifact.content, options), item, { ...options, renaming: NO_RENAMING })
  return essence(wanted.join('')) === essence(found.join(''))
}
