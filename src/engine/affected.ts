import type { Address, BlobReader } from '../cas/blob-store.ts'
import { NEWLINE, keyEnd, splitRow } from '../chunking/copy-text.ts'
import { parseReference } from '../chunking/value-reference.ts'
import { readBlob } from '../dag/block.ts'
import { decodeFileRow } from '../dag/file-row.ts'
import { decodeKey } from '../dag/key-order.ts'
import type { NodeBlock } from '../dag/node.ts'
import type { StoredContent, StoredRows } from '../dag/stored-content.ts'
import type { Loss, Span, TreeCheck } from '../dag/tree-check.ts'
import type { BackupError } from '../errors.ts'
import type { AbortOptions } from '../stream.ts'
import type { Noun, Place } from './place.ts'

/** Damage seen from an artifact. */
export interface ArtifactDamage {
  readonly address: Address
  /** Why a block cannot be used; unset for chunks. */
  readonly error?: BackupError
  readonly place: Place
}

export interface ReadingOptions extends AbortOptions {
  readonly blobs: BlobReader
}

/** What of a node's content is lost, in its order: of each lost blob every place where it stands. */
export async function * damageOfNode ({ content }: NodeBlock, check: TreeCheck, options: ReadingOptions): AsyncGenerator<ArtifactDamage> {
  const { root, form, size, count } = content
  for await (const loss of check.losses(root, { form: form === 'bytes' ? 'bytes' : 'rows', size, count })) {
    const { address, error } = loss
    for (const place of await placesOf(content, loss, options)) yield { address, place, ...(error === undefined ? {} : { error }) }
  }
}

/** What the rows of a content are called. */
export function nounOf ({ form }: StoredContent): Noun {
  return form === 'files' ? 'entry' : 'row'
}

async function placesOf (content: StoredContent, loss: Loss, options: ReadingOptions): Promise<Place[]> {
  if (content.form === 'bytes') return [byteSpan(loss.span, { whole: content.size })]
  const places = loss.value === undefined ? [] : await placesOfValue(content, loss, options)
  // Also when the chunk's entry names a value that no row of it has: then all its rows are as good as lost.
  return places.length > 0 ? places : [rowSpan(loss.span, content)]
}

/** Bytes of a stream; the label of a tar's chunk says which member they belong to. */
function byteSpan ({ offset, size, key }: Span, { whole }: { readonly whole: number }): Place {
  if (size === undefined || (offset === 0 && size === whole)) return {}
  const bytes = { first: offset, last: offset + size - 1 }
  const [path = '', at] = key === undefined ? [] : Buffer.from(key).toString('utf8').split('\0')
  if (path === '') return { bytes }
  return at === 'h' ? { bytes, headOf: path } : { bytes, member: path }
}

function rowSpan ({ before, count, key, nextKey }: Span, content: StoredRows): Place {
  if (count === content.count) return {}
  const rows = { first: before + 1, last: before + count }
  if (content.key.length === 0 || key === undefined) return { rows }
  return { rows, from: decodeKey(key), ...(nextKey === undefined ? {} : { before: decodeKey(nextKey) }) }
}

/** The rows that refer to the value which is hit; their chunk is intact. */
async function placesOfValue (content: StoredRows, { span, value }: Loss, { blobs, signal }: ReadingOptions): Promise<Place[]> {
  if (value === undefined) return []
  const wanted = value.root.toString()
  const places: Place[] = []
  let number = span.before
  for (const row of rowsIn(await readBlob(blobs, value.chunk, { signal }))) {
    number++
    if (!row.includes(wanted)) continue
    for (const [column, text] of splitRow(row).entries()) {
      const reference = parseReference(text)
      if (reference?.text !== wanted) continue
      const bytes = byteSpan(value.span, { whole: reference.length })
      places.push({ ...bytes, ...rowPlace(content, row, number, column) })
    }
  }
  return places
}

function rowPlace (content: StoredRows, row: Buffer, number: number, column: number): Place {
  if (content.form === 'files') return { file: decodeFileRow(row).entry.path }
  const { length } = content.key
  const from = length === 0 ? {} : { from: decodeKey(row.subarray(0, keyEnd(row, 0, row.length, length))) }
  return { rows: { first: number, last: number }, ...from, column: content.columns[column] ?? String(column) }
}

function * rowsIn (chunk: Uint8Array): Generator<Buffer> {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
  for (let start = 0, end; start < bytes.length; start = end) {
    end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length
    yield bytes.subarray(start, end)
  }
}
