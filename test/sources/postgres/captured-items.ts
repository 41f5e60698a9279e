import { Buffer } from 'node:buffer'
import type { Artifact, Content, ItemPart, RestoreItem, Source } from '../../../src/sources/source.ts'
import { collect } from '../../../src/stream.ts'
import type { AbortOptions } from '../../../src/stream.ts'

const LIMIT = 256 * 1024 * 1024

/** What a source holds now, in memory, as a restorer gets it: in topological order. */
export async function capturedItems (source: Source): Promise<RestoreItem[]> {
  const capture = await source.capture()
  try {
    const items: RestoreItem[] = []
    for await (const artifact of capture.artifacts()) items.push(await itemOf(artifact))
    await capture.finish()
    return inOrder(items)
  } finally {
    await capture.close()
  }
}

async function itemOf ({ id, kind, deps, attributes, content }: Artifact): Promise<RestoreItem> {
  if (content.form === 'files') throw new Error(`${id} is a folder tree`)
  return item({ id, kind, deps, attributes }, await bytesIn(content), content)
}

/** A made-up item with the bytes `text`. */
export function item (about: Pick<RestoreItem, 'id' | 'kind'> & Partial<Pick<RestoreItem, 'deps' | 'attributes'>>, text: string | Uint8Array, content: Pick<Content, 'form'> & { readonly layout?: RestoreItem['layout'] } = { form: 'bytes' }): RestoreItem {
  const bytes = Buffer.from(text)
  return {
    deps: [], attributes: {}, ...about,
    sizeBytes: bytes.length,
    rows: content.form === 'rows' ? linesOf(bytes).length : 0,
    ...(content.layout !== undefined && { layout: content.layout }),
    async * read ({ signal }: AbortOptions = {}) {
      for (let at = 0; at < bytes.length; at += 50_000) {
        signal?.throwIfAborted()
        yield bytes.subarray(at, at + 50_000)
      }
    },
    entries () { throw new Error(`${about.id} is no folder tree`) },
    async equals (other) { return bytes.equals(await collect(other, { limit: LIMIT })) },
    parts: async ({ count }) => partsOf(linesOf(bytes), count, content.layout?.key.length ?? 0),
    async matches (other) {
      if (other.form === 'files' || other.form !== content.form) return false
      const read = await bytesIn(other)
      if (other.form === 'bytes') return bytes.equals(read)
      return JSON.stringify(other.layout) === JSON.stringify(content.layout) && comparable(bytes, other.layout).equals(comparable(read, other.layout))
    },
  }
}

/** Rows whose keys are plain text, in parts of equal length. */
function partsOf (lines: readonly string[], count: number, keyColumns: number): ItemPart[] {
  const length = keyColumns === 0 ? lines.length : Math.ceil(lines.length / count)
  const keyAt = (at: number): string[] => lines[at]!.split('\t').slice(0, keyColumns)
  return Array.from({ length: Math.ceil(lines.length / length) }, (_, index) => {
    const [from, to] = [index * length, (index + 1) * length]
    const bytes = Buffer.from(lines.slice(from, to).map(line => `${line}\n`).join(''), 'latin1')
    return {
      ...(from > 0 && { fromKey: keyAt(from) }),
      ...(to < lines.length && { toKey: keyAt(to) }),
      async * read () { yield bytes },
      equals: async other => bytes.equals(await collect(other, { limit: LIMIT })),
    }
  })
}

async function bytesIn (content: Content): Promise<Buffer> {
  if (content.form === 'files') throw new Error('a folder tree')
  return Buffer.from(await collect(content.read(), { limit: LIMIT }))
}

/** Rows without a key come in any order. */
function comparable (rows: Buffer, layout: RestoreItem['layout']): Buffer {
  return layout?.key.length === 0 ? Buffer.from(linesOf(rows).sort().map(line => `${line}\n`).join(''), 'latin1') : rows
}

function linesOf (rows: Buffer): string[] {
  return rows.toString('latin1').split('\n').slice(0, -1)
}

function inOrder (items: readonly RestoreItem[]): RestoreItem[] {
  const byId = new Map(items.map(one => [one.id, one]))
  const ordered = new Set<RestoreItem>()
  const visit = (one: RestoreItem): void => {
    for (const dep of one.deps) {
      const needed = byId.get(dep)
      if (needed !== undefined && !ordered.has(needed)) visit(needed)
    }
    ordered.add(one)
  }
  for (const one of items) visit(one)
  return [...ordered]
}
