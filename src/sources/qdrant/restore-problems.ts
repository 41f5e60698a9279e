import type { AbortOptions } from '../../stream.ts'
import type { Problem } from '../source.ts'
import { listAliases, listCollections } from './collection-state.ts'
import type { QdrantConnection } from './connection.ts'
import type { RestoreTarget } from './restore-target.ts'

export interface FindProblemsOptions extends AbortOptions {
  readonly replace: 'refuse' | 'swap'
  readonly verify: 'config' | 'count' | 'points'
}

const LONGEST_NAME_BYTES = 255 // a file name on the server
const FORBIDDEN = /[<>:"/\\|?*\0]/ // what Qdrant refuses in the name of a collection

/** Everything that speaks against bringing `targets` to the server. Changes nothing. @throws {BackupError} `SOURCE_UNREACHABLE`, `SOURCE_AUTH` */
export async function findProblems (server: QdrantConnection, targets: readonly RestoreTarget[], { replace, verify, signal }: FindProblemsOptions): Promise<Problem[]> {
  const { version } = await server.request('asking for the version', client => client.versionInfo(), { signal })
  const present: Present = { collections: new Set(await listCollections(server, { signal })), aliases: await listAliases(server, { signal }) }
  return [
    ...await clusterProblems(server, { signal }),
    ...repeated(targets.map(({ name }) => name)).map(name => invalid(`two collections would be restored as ${name}; give them different names`, name)),
    ...repeated(targets.flatMap(({ aliases }) => aliases)).map(alias => invalid(`two collections would get the alias ${alias}; rename or skip it`, alias)),
    ...targets.flatMap(target => [
      ...nameProblems(target),
      ...versionProblems(target, version),
      ...verifyProblems(target, verify),
      ...existingProblems(target, present, replace),
      ...aliasProblems(target, present, replace),
    ]),
  ]
}

interface Present {
  readonly collections: ReadonlySet<string>
  readonly aliases: ReadonlyMap<string, string>
}

function invalid (message: string, name: string): Problem {
  return { code: 'INVALID_OPTION', message, data: { name } }
}

function exists (message: string, name: string): Problem {
  return { code: 'TARGET_EXISTS', message, data: { name } }
}

function repeated (names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]
}

async function clusterProblems (server: QdrantConnection, { signal }: AbortOptions): Promise<Problem[]> {
  const { data: { result } } = await server.request('reading the cluster', async client => await client.api().clusterStatus({}), { signal })
  const peers = result?.status === 'enabled' ? Object.keys(result.peers).length : 1
  return peers < 2 ? [] : [{ code: 'SOURCE_UNSUPPORTED', message: `the Qdrant at ${server.location} is a cluster of ${peers} servers, and a snapshot would reach only one of them; restore into a single server` }]
}

function nameProblems ({ name, staged }: RestoreTarget): Problem[] {
  const isFit = name !== '' && !FORBIDDEN.test(name) && Buffer.byteLength(staged) <= LONGEST_NAME_BYTES
  return isFit ? [] : [invalid(`a collection cannot be restored as ${JSON.stringify(name)}: Qdrant refuses <>:"/\\|?* in names, and ${staged} must fit into ${LONGEST_NAME_BYTES} bytes`, name)]
}

/** Qdrant reads snapshots of its own and of the preceding minor version. */
function versionProblems ({ recorded: { collection, serverVersion } }: RestoreTarget, version: string): Problem[] {
  const [from, to] = [parseVersion(serverVersion), parseVersion(version)]
  if (from !== undefined && to !== undefined && from.major === to.major && (to.minor === from.minor || to.minor === from.minor + 1)) return []
  return [{
    code: 'TARGET_VERSION',
    message: `collection ${collection} was captured from Qdrant ${serverVersion} and the target runs ${version}; snapshots can be restored by the same or the next minor version`,
    data: { collection, captured: serverVersion, target: version },
  }]
}

function parseVersion (text: string): { readonly major: number, readonly minor: number } | undefined {
  const match = /^(\d+)\.(\d+)\./.exec(text)
  return match === null ? undefined : { major: Number(match[1]), minor: Number(match[2]) }
}

function verifyProblems ({ recorded: { collection, pointsDigest } }: RestoreTarget, verify: 'config' | 'count' | 'points'): Problem[] {
  return verify !== 'points' || pointsDigest !== undefined ? [] : [invalid(`collection ${collection} was captured without a digest of its points, so they cannot be verified one by one; verify their count`, collection)]
}

function existingProblems ({ name, staged }: RestoreTarget, { collections, aliases }: Present, replace: 'refuse' | 'swap'): Problem[] {
  const problems: Problem[] = []
  if (collections.has(staged)) problems.push(exists(`collection ${staged} is there already: a restore was not finished; resume or abort it`, staged))
  if (aliases.has(name)) problems.push(exists(`${name} is an alias of collection ${aliases.get(name)}, so no collection can have that name; restore under another name`, name))
  if (collections.has(name) && replace === 'refuse') problems.push(exists(`collection ${name} exists already; let it be replaced, or restore under another name`, name))
  return problems
}

function aliasProblems ({ name, aliases: wanted }: RestoreTarget, { collections, aliases }: Present, replace: 'refuse' | 'swap'): Problem[] {
  return wanted.flatMap(alias => {
    const owner = aliases.get(alias)
    if (collections.has(alias)) return [exists(`the alias ${alias} cannot be restored: there is a collection of that name; rename or skip it`, alias)]
    return owner === undefined || owner === name || replace === 'swap' ? [] : [exists(`the alias ${alias} belongs to collection ${owner}; let it be replaced, rename it or skip it`, alias)]
  })
}
