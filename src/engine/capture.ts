import { BackupError } from '../errors.ts'
import type { BlobReader, BlobWriter } from '../cas/blob-store.ts'
import { storeContent } from '../dag/content.ts'
import type { StoredContent } from '../dag/content.ts'
import type { NodeBlock } from '../dag/node.ts'
import type { Artifact, Capture, CaptureSummary, Source } from '../sources/source.ts'
import type { AbortOptions } from '../stream.ts'
import { forEachBounded } from './bounded.ts'
import type { OnProgress } from './progress.ts'
import type { RememberedFiles } from './remembered-files.ts'

/** An artifact whose content is in the repository. */
export interface StoredArtifact extends Omit<Artifact, 'content'> {
  readonly content: StoredContent
  readonly hash: string
  /** Milliseconds that reading and storing took. */
  readonly durationMs: number
}

export interface NamedSummary extends CaptureSummary {
  readonly name: string
}

export interface CaptureOptions extends AbortOptions {
  readonly blobs: BlobWriter & BlobReader
  readonly seed: Uint8Array
  readonly chunker: { readonly min: number, readonly average: number, readonly max: number }
  /** How many artifacts are read at once over all sources. */
  readonly concurrency: number
  /** The node of that id in the parent snapshot: its cut parameters are inherited, its chunks are delta bases. */
  previous(id: string): Promise<NodeBlock | undefined>
  /** What the source of that name told of its capture in the parent snapshot. */
  previousCapture?(source: string): CaptureSummary | undefined
  /** What this host remembers of folder trees. @default every file is read */
  readonly memories?: Pick<RememberedFiles, 'open'> | undefined
  readonly onProgress?: OnProgress | undefined
}

/**
 * Captures all sources side by side, so that their moments lie close together, and stores every content.
 * @throws {BackupError} `NODE_DUPLICATE`, or whatever a source or the storage reports; nothing stays open
 */
export async function captureAll (sources: readonly Source[], options: CaptureOptions): Promise<{ artifacts: StoredArtifact[], summaries: NamedSummary[] }> {
  const captures = await openAll(sources, options)
  try {
    const artifacts: StoredArtifact[] = []
    const ids = new Set<string>()
    const meter = byteMeter(options)
    await forEachBounded(merged(captures, options), options, async artifact => {
      if (ids.has(artifact.id)) throw new BackupError('NODE_DUPLICATE', `two artifacts have the id ${artifact.id}`, { data: { id: artifact.id } })
      ids.add(artifact.id)
      artifacts.push(await storeArtifact(artifact, options, meter))
    })
    const summaries = await Promise.all(captures.map(async ({ name, capture }) => ({ name, ...await capture.finish() })))
    return { artifacts, summaries }
  } finally {
    await Promise.all(captures.map(async ({ capture }) => { await capture.close() }))
  }
}

interface OpenCapture {
  readonly name: string
  readonly capture: Capture
}

async function openAll (sources: readonly Source[], { signal, previousCapture }: CaptureOptions): Promise<OpenCapture[]> {
  const opened = await Promise.allSettled(sources.map(async source => ({ name: source.name, capture: await source.capture({ signal, previous: previousCapture?.(source.name) }) })))
  const failed = opened.find(result => result.status === 'rejected')
  const captures = opened.filter(result => result.status === 'fulfilled').map(result => result.value)
  if (failed === undefined) return captures
  await Promise.all(captures.map(async ({ capture }) => { await capture.close() }))
  throw failed.reason
}

/** The artifacts of all captures, one of each in turn. */
async function * merged (captures: readonly OpenCapture[], { signal }: AbortOptions): AsyncGenerator<Artifact> {
  let open = captures.map(({ capture }) => capture.artifacts({ signal })[Symbol.asyncIterator]())
  try {
    while (open.length > 0) {
      const still: typeof open = []
      for (const iterator of open) {
        const next = await iterator.next()
        if (next.done === true) continue
        still.push(iterator)
        yield next.value
      }
      open = still
    }
  } finally {
    await Promise.all(open.map(async iterator => await iterator.return?.()))
  }
}

async function storeArtifact (artifact: Artifact, options: CaptureOptions, meter: (id: string, bytes: number) => void): Promise<StoredArtifact> {
  const { content, ...rest } = artifact
  const start = performance.now()
  const node = await options.previous(artifact.id)
  const previous = node?.artifact === artifact.kind ? node.content : undefined
  const memory = content.form === 'files' ? await options.memories?.open(artifact.id, previous) : undefined
  const stored = await storeContent(content, {
    blobs: options.blobs, seed: options.seed, chunker: options.chunker, signal: options.signal, memory,
    onBytes: bytes => { meter(artifact.id, bytes) },
  }, previous)
  memory?.name(stored.content)
  return { ...rest, content: stored.content, hash: stored.hash, durationMs: Math.round(performance.now() - start) }
}

function byteMeter ({ onProgress }: CaptureOptions): (id: string, bytes: number) => void {
  let done = 0
  return (item, bytes) => {
    done += bytes
    onProgress?.({ step: 'capture', item, done, unit: 'bytes' })
  }
}
