import { NEWLINE } from '../chunking/copy-text.ts'
import type { AbortOptions } from '../stream.ts'
import { chunkCid, readBlob } from './block.ts'
import { digester } from './digest-record.ts'
import { DigestSorter } from './digest-sorter.ts'
import type { RowChange } from './row-diff.ts'
import { skipEqual } from './skip-equal.ts'
import type { StoredRows } from './stored-content.ts'
import type { BlobSource } from './tree-reader.ts'
import { TreeCursor } from './tree-reader.ts'

const BEFORE = 0
const AFTER = 1

/**
 * Rows without a key that are in one version more often than in the other, each as often as that. Only chunks that one
 * version has more often are read; chunks and then rows are matched by sorting their digests in temporary files.
 */
export async function * diffHeapRows (before: StoredRows, after: StoredRows, blobs: BlobSource, options: AbortOptions): AsyncGenerator<RowChange> {
  await using chunks = new DigestSorter()
  await gatherChunks(chunks, [before, after], blobs, options)
  await using rows = new DigestSorter()
  for await (const { digest, surplus } of surplusOf(chunks)) {
    const bytes = await readBlob(blobs, chunkCid(digest.toString('hex')), options)
    for (let copies = Math.abs(surplus); copies > 0; copies--) await gatherRows(rows, bytes, surplus > 0 ? AFTER : BEFORE)
  }
  for await (const { payload, surplus } of surplusOf(rows)) {
    for (let copies = Math.abs(surplus); copies > 0; copies--) yield surplus > 0 ? { change: 'added', key: [], after: payload } : { change: 'removed', key: [], before: payload }
  }
}

interface Group {
  readonly digest: Buffer
  readonly payload: Uint8Array
  /** How many more there are after than before. */
  surplus: number
}

/** What is on one side more often than on the other. The first byte of a record's payload is its side. */
async function * surplusOf (records: DigestSorter): AsyncGenerator<Group> {
  let group: Group | undefined
  for await (const block of records.sorted()) {
    for (const { digest, payload } of block) {
      if (group === undefined || !group.digest.equals(digest)) {
        if (group !== undefined && group.surplus !== 0) yield group
        group = { digest: Buffer.from(digest), payload: new Uint8Array(payload.subarray(1)), surplus: 0 }
      }
      group.surplus += payload[0] === AFTER ? 1 : -1
    }
  }
  if (group !== undefined && group.surplus !== 0) yield group
}

/** Adds the addresses of all chunks that are not in equal subtrees at the same place. */
async function gatherChunks (chunks: DigestSorter, [before, after]: readonly [StoredRows, StoredRows], blobs: BlobSource, options: AbortOptions): Promise<void> {
  const a = await TreeCursor.open(before.root, blobs, { ...options, form: 'rows' })
  const b = await TreeCursor.open(after.root, blobs, { ...options, form: 'rows' })
  while (await skipEqual(a, b)) {
    for (const [cursor, side] of [[a, BEFORE], [b, AFTER]] as const) {
      const leaf = await cursor.leaf()
      if (leaf === undefined) continue
      cursor.skip()
      await chunks.add(leaf.link.multihash.digest, Uint8Array.of(side))
    }
  }
}

async function gatherRows (rows: DigestSorter, bytes: Uint8Array, side: number): Promise<void> {
  const digest = digester()
  for (let start = 0, end; start < bytes.length; start = end) {
    end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length
    const payload = new Uint8Array(end - start + 1)
    payload[0] = side
    payload.set(bytes.subarray(start, end), 1)
    await rows.add(digest(bytes.subarray(start, end)), payload)
  }
}
