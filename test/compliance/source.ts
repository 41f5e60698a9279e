import { createHash } from 'node:crypto'
import { encode } from '@ipld/dag-cbor'
import { expect, it } from 'vitest'
import type { Artifact, ArtifactKind, Capture, Content, FileContent, Source } from '../../src/sources/source.ts'
import type { AbortOptions, Bytes } from '../../src/stream.ts'

/** A source over something that nobody changes during the case; with at least one artifact. */
export interface SourceUnderTest {
  readonly source: Source
  /**
   * How much the source holds open: connections, transactions, snapshots on a server, file descriptors.
   * Compared before a capture and after its close. Leave it out if there is nothing that could be held.
   */
  held?(): Promise<number>
}

const FORM_OF_KIND: Record<ArtifactKind, Content['form']> = {
  'pg.database': 'bytes',
  'pg.object': 'bytes',
  'pg.rows': 'rows',
  'pg.sequence': 'bytes',
  'pg.blobs': 'rows',
  'pg.refresh': 'bytes',
  'qdrant.collection': 'bytes',
  files: 'files',
  matrix: 'bytes',
  'agent.output': 'bytes',
}

/** What every source promises. `open` is called once a case; what it starts is for the caller's own hooks to stop. */
export function sourceCompliance (open: () => Promise<SourceUnderTest>): void {
  it('yields each artifact once, with a unique id of the right shape', async () => {
    const { source } = await open()
    await using capture = await opened(source)
    const artifacts = await Array.fromAsync(capture.artifacts())
    expect(artifacts.length).toBeGreaterThan(0)
    expect(new Set(artifacts.map(artifact => artifact.id)).size).toBe(artifacts.length)
    for (const artifact of artifacts) expectShape(artifact, source.name)
  })

  it('gives the same artifacts in two captures of the unchanged thing', async () => {
    const { source } = await open()
    expect(await fingerprint(source)).toEqual(await fingerprint(source))
  })

  it('lets all contents be read at the same time, also in another order', async () => {
    const { source } = await open()
    expect(await fingerprint(source, { order: 'reversed and concurrent' })).toEqual(await fingerprint(source))
  })

  it('sums up when it was captured and what is worth knowing', async () => {
    const { source } = await open()
    const before = Date.now()
    await using capture = await opened(source)
    for await (const artifact of capture.artifacts()) await digestOf(artifact.content)
    const { begin, end, facts, notes } = await capture.finish()
    expect(new Date(begin).toISOString()).toBe(begin)
    expect(new Date(end).toISOString()).toBe(end)
    expect(before - 1).toBeLessThanOrEqual(Date.parse(begin))
    expect(Date.parse(begin)).toBeLessThanOrEqual(Date.parse(end))
    expect(Date.parse(end)).toBeLessThanOrEqual(Date.now())
    expect(() => encode({ facts, notes })).not.toThrow()
  })

  it('can be closed twice, and captured again afterwards', async () => {
    const { source } = await open()
    const capture = await source.capture()
    await capture.close()
    await capture.close()
    expect(Object.keys(await fingerprint(source)).length).toBeGreaterThan(0)
  })

  it('holds nothing after a whole capture', async () => {
    const { source, held } = await open()
    const before = await held?.()
    await fingerprint(source)
    expect(await held?.()).toBe(before)
  })

  it('holds nothing when it is closed in the middle of the artifacts and of a content', async () => {
    const { source, held } = await open()
    const before = await held?.()
    const capture = await source.capture()
    const artifacts = capture.artifacts()[Symbol.asyncIterator]()
    const first = await artifacts.next()
    if (first.done !== true) await firstPiece(first.value.content)
    await capture.close()
    await artifacts.return?.()
    expect(await held?.()).toBe(before)
  })

  it('rejects with the reason of a signal that is aborted already, and holds nothing', async () => {
    const { source, held } = await open()
    const before = await held?.()
    await expect(source.capture({ signal: aborted() })).rejects.toBe(REASON)
    {
      await using capture = await opened(source)
      await expect(Array.fromAsync(capture.artifacts({ signal: aborted() }))).rejects.toBe(REASON)
    }
    expect(await held?.()).toBe(before)
  })

  it('stops reading a content when its signal is aborted, and holds nothing', async () => {
    const { source, held } = await open()
    const before = await held?.()
    {
      await using capture = await opened(source)
      for await (const artifact of capture.artifacts()) {
        await expect(drain(artifact.content, { signal: aborted() })).rejects.toBe(REASON)
        break
      }
    }
    expect(await held?.()).toBe(before)
  })
}

const REASON = new Error('stopped by the test')

function aborted (): AbortSignal {
  return AbortSignal.abort(REASON)
}

async function opened (source: Source): Promise<Capture & AsyncDisposable> {
  const capture = await source.capture()
  return {
    artifacts: options => capture.artifacts(options),
    finish: () => capture.finish(),
    close: () => capture.close(),
    [Symbol.asyncDispose]: () => capture.close(),
  }
}

function expectShape (artifact: Artifact, source: string): void {
  const { id, kind, deps, attributes, recipe, content } = artifact
  expect(source).toMatch(/^[a-z0-9-]+$/)
  expect(id.startsWith(`${source}/`) && id.length > source.length + 1, id).toBe(true)
  expect(Buffer.byteLength(id)).toBeLessThanOrEqual(4096)
  expect(deps, `${id} needs itself`).not.toContain(id)
  expect(new Set(deps).size).toBe(deps.length)
  expect(content.form, id).toBe(FORM_OF_KIND[kind])
  expect(() => encode({ attributes, ...(recipe === undefined ? {} : { recipe }) }), id).not.toThrow()
  if (content.form === 'rows') expect(content.layout.key.length).toBeLessThanOrEqual(content.layout.columns.length)
}

/** Everything of each artifact that goes into a node, by id, with a digest for the content. */
async function fingerprint (source: Source, { order = 'as they come' }: { order?: 'as they come' | 'reversed and concurrent' } = {}): Promise<Record<string, unknown>> {
  await using capture = await opened(source)
  const result: Record<string, unknown> = {}
  const add = async ({ id, kind, deps, attributes, recipe, content }: Artifact): Promise<void> => {
    result[id] = { kind, deps: [...deps].sort(), attributes, recipe, layout: content.form === 'rows' ? content.layout : undefined, digest: await digestOf(content) }
  }
  if (order === 'as they come') {
    for await (const artifact of capture.artifacts()) await add(artifact)
  } else {
    await Promise.all((await Array.fromAsync(capture.artifacts())).reverse().map(add))
  }
  await capture.finish()
  return result
}

async function digestOf (content: Content): Promise<string> {
  return content.form === 'files' ? await digestOfFiles(content) : await digestOfBytes(content.read())
}

async function digestOfBytes (bytes: Bytes): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of bytes) hash.update(piece)
  return hash.digest('hex')
}

async function digestOfFiles (content: FileContent): Promise<string> {
  const hash = createHash('sha256')
  let previous = Buffer.alloc(0)
  for await (const { read, mtimeNs, ...entry } of content.entries()) {
    const path = Buffer.from(entry.path)
    expect(Buffer.compare(previous, path), `${entry.path} comes in ascending order`).toBeLessThan(0)
    previous = path
    hash.update(JSON.stringify([Object.entries(entry).sort(), String(mtimeNs), read === undefined ? null : await digestOfBytes(read())]))
  }
  return hash.digest('hex')
}

async function drain (content: Content, options: AbortOptions): Promise<void> {
  const stream: AsyncIterable<unknown> = content.form === 'files' ? content.entries(options) : content.read(options)
  for await (const piece of stream) void piece
}

/** Reads a little of a content and leaves the reading in the middle. */
async function firstPiece (content: Content): Promise<void> {
  if (content.form !== 'files') return void await content.read()[Symbol.asyncIterator]().next()
  for await (const entry of content.entries()) {
    if (entry.read === undefined) continue
    await entry.read()[Symbol.asyncIterator]().next()
    return
  }
}
