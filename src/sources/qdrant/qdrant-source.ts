import { BackupError, isBackupError } from '../../errors.ts'
import type { AbortOptions } from '../../stream.ts'
import type { Artifact, Capture, CaptureSummary, Source } from '../source.ts'
import { attributesOf } from './captured-collection.ts'
import type { CapturedCollection } from './captured-collection.ts'
import { captureCollections } from './captured-collections.ts'
import type { CapturedCollections } from './captured-collections.ts'
import { listAliases, listCollections } from './collection-state.ts'
import { connectQdrant } from './connection.ts'
import type { QdrantConnection } from './connection.ts'
import { deleteServerSnapshot, readServerSnapshot } from './server-snapshot.ts'
import type { ServerSnapshot } from './server-snapshot.ts'
import { stableTar } from './stable-tar.ts'
import { STAGED } from './staged-name.ts'

export interface QdrantSourceOptions {
  /** @default 'qdrant' */
  readonly name?: string
  /** `http(s)://host[:port][/prefix]`; without a port it is 6333. */
  readonly url: string
  readonly apiKey?: string | undefined
  /** Names of the collections; all of the server when left out. */
  readonly collections?: readonly string[] | undefined
  /**
   * `points` digests all points, so that a restore can prove each of them and not only their number.
   * Costs two scrolls over all collections.
   * @default 'none'
   */
  readonly digest?: 'none' | 'points'
  /** How many snapshots the server makes at once. @default 4 */
  readonly concurrency?: number
}

/**
 * Qdrant's own snapshots of collections (with {@link stableTar}, so that an unchanged collection stays equal).
 *
 * All of them are made, side by side, when the capture opens, so their moments lie as close together as the server
 * allows: the summary's `begin` and `end` are the skew. They are read from its disk afterwards, and deleted there once
 * read or at `close`. A process that is killed leaves them on the server.
 */
export function qdrantSource ({ name = 'qdrant', url, apiKey, collections, digest = 'none', concurrency = 4 }: QdrantSourceOptions): Source {
  const server = connectQdrant({ url, apiKey })
  return {
    name,
    async capture ({ signal } = {}) {
      signal?.throwIfAborted()
      const { version } = await server.request('asking for the version', client => client.versionInfo(), { signal })
      const { names, notes } = await choose(server, collections, signal)
      const captured = await captureCollections(server, names, { concurrency, digest, signal })
      return openCapture({ name, server, version, captured, notes: [...notes, ...captured.collections.flatMap(entry => notesOn(entry, digest))] })
    },
  }
}

interface OpenCaptureOptions {
  readonly name: string
  readonly server: QdrantConnection
  readonly version: string
  readonly captured: CapturedCollections
  readonly notes: readonly string[]
}

function openCapture ({ name, server, version, captured: { collections, begin, end }, notes }: OpenCaptureOptions): Capture {
  const closing = new AbortController()
  const release = releaser(server)
  async function * read (snapshot: ServerSnapshot, { signal }: AbortOptions): AsyncGenerator<Uint8Array> {
    try {
      const stop = AbortSignal.any([closing.signal, ...(signal === undefined ? [] : [signal])])
      yield * stableTar(readServerSnapshot(server, snapshot, { signal: stop }))
    } catch (error) {
      throw isBackupError(error, 'SOURCE_MISSING') ? vanished(snapshot, error) : error
    } finally {
      await release(snapshot).catch(() => {}) // `close` reports it
    }
  }
  return {
    async * artifacts ({ signal } = {}) {
      for (const entry of collections) {
        signal?.throwIfAborted()
        yield artifactOf(name, version, entry, options => read(entry.snapshot, options))
      }
    },
    async finish (): Promise<CaptureSummary> {
      return { begin: begin.toISOString(), end: end.toISOString(), facts: { serverVersion: version, server: server.location, collections: collections.length }, notes }
    },
    async close () {
      closing.abort(new BackupError('CANCELLED', 'the capture of Qdrant was closed'))
      const results = await Promise.allSettled(collections.map(async entry => { await release(entry.snapshot) }))
      const failed = results.find(result => result.status === 'rejected' && !isBackupError(result.reason, 'SOURCE_UNREACHABLE'))
      if (failed?.status === 'rejected') throw failed.reason
    },
  }
}

function artifactOf (source: string, version: string, entry: CapturedCollection, read: (options: AbortOptions) => AsyncGenerator<Uint8Array>): Artifact {
  return {
    id: `${source}/collection/${entry.snapshot.collection}`,
    kind: 'qdrant.collection',
    deps: [],
    attributes: attributesOf(entry, version),
    content: { form: 'bytes', cut: 'tar', read: (options = {}) => read(options) },
  }
}

/** Deletes each snapshot once, however often it is asked to. */
function releaser (server: QdrantConnection): (snapshot: ServerSnapshot) => Promise<void> {
  const released = new Map<ServerSnapshot, Promise<void>>()
  return async snapshot => {
    const release = released.get(snapshot) ?? deleteServerSnapshot(server, snapshot)
    released.set(snapshot, release)
    await release
  }
}

async function choose (server: QdrantConnection, wanted: readonly string[] | undefined, signal: AbortSignal | undefined): Promise<{ names: readonly string[], notes: readonly string[] }> {
  const present = await listCollections(server, { signal })
  if (wanted === undefined) {
    const staged = present.filter(name => name.endsWith(STAGED))
    return { names: present.filter(name => !name.endsWith(STAGED)), notes: staged.map(name => `Collection ${name} belongs to an unfinished restore and was left out.`) }
  }
  const missing = wanted.find(name => !present.includes(name))
  if (missing === undefined) return { names: [...new Set(wanted)].sort(), notes: [] }
  const target = (await listAliases(server, { signal })).get(missing)
  const hint = target === undefined ? `the server has ${present.length === 0 ? 'none' : present.join(', ')}` : `it is an alias: name its collection ${target}`
  throw new BackupError('SOURCE_MISSING', `there is no collection ${missing} at ${server.location}; ${hint}`, { data: { collection: missing, present } })
}

function notesOn ({ snapshot: { collection }, state: { points }, pointsAfter, pointsDigest }: CapturedCollection, digest: 'none' | 'points'): string[] {
  const notes: string[] = []
  if (points !== pointsAfter) notes.push(`Collection ${collection} went from ${points} to ${pointsAfter} points while its snapshot was made; the snapshot holds a state in between.`)
  if (digest === 'points' && pointsDigest === undefined) notes.push(`Collection ${collection} was written while it was captured, so its points have no digest.`)
  return notes
}

function vanished ({ collection, name }: ServerSnapshot, cause: BackupError): BackupError {
  return new BackupError('SOURCE_CHANGED', `collection ${collection} or its snapshot ${name} was deleted while it was captured; if the collection is gone, the server may still hold the file in its snapshot folder`, { data: { collection, snapshot: name }, cause })
}
