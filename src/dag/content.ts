import { hash as digestOf } from 'node:crypto'
import type { BlobWriter } from '../cas/blob-store.ts'
import { isBackupError } from '../errors.ts'
import type { ByteContent, Content } from '../sources/source.ts'
import { storeBytes, Tap } from './store-bytes.ts'
import type { StoreContext } from './store-context.ts'
import { storeFiles } from './store-files.ts'
import { sameLayout, storeRows } from './store-rows.ts'
import type { StoredContent } from './stored-content.ts'

export type { StoreContext } from './store-context.ts'
export type { StoredBytes, StoredContent, StoredRows } from './stored-content.ts'

/** A content that is in the repository, and its node's `hash`. */
export interface StoreResult {
  readonly content: StoredContent
  readonly hash: string
}

/**
 * Chunks a content, puts chunks and trees, and returns where they are. `previous` is the same artifact's content in the
 * parent snapshot: its cut rule is taken over and its chunks are offered as bases at the places where they stood.
 * Does not flush.
 * @throws {BackupError} `NODE_INVALID` when rows do not ascend strictly in their key, and what the source and the blobs throw.
 */
export async function storeContent (content: Content, context: StoreContext, previous?: StoredContent): Promise<StoreResult> {
  return await store(content, context, { like: previous, bases: previous })
}

/**
 * As {@link storeContent}, cut as `like` is, but nothing of that is read: for chunks that are lost there and are looked for in what the source holds now.
 * @throws {BackupError} `NODE_INVALID`, and what the source and the blobs throw.
 */
export async function storeLike (content: Content, context: StoreContext, like: StoredContent): Promise<StoreResult> {
  return await store(content, context, { like })
}

/** True if `content` is what `stored` and `hash` say. Reads it to its end and stores nothing. */
export async function sameContent (content: Content, stored: StoredContent, hash: string, context: Omit<StoreContext, 'blobs'>): Promise<boolean> {
  if (content.form !== stored.form) return false
  if (content.form === 'rows' && stored.form === 'rows' && !sameLayout(content.layout, stored)) return false
  if (content.form === 'bytes') return await hashOf(content, context) === hash
  try {
    const found = await store(content, { ...context, blobs: HASHING }, { like: stored })
    return found.hash === hash && found.content.size === stored.size && found.content.count === stored.count
  } catch (error) {
    if (isBackupError(error, 'NODE_INVALID')) return false // rows of another key order cannot be these
    throw error
  }
}

async function hashOf (content: ByteContent, { signal, onBytes }: Pick<StoreContext, 'signal' | 'onBytes'>): Promise<string> {
  const tap = new Tap(content.read({ signal }), onBytes)
  for await (const _ of tap.bytes()); // it hashes what passes
  return tap.digest()
}

interface History { readonly like?: StoredContent | undefined, readonly bases?: StoredContent | undefined }

async function store (content: Content, context: StoreContext, { like, bases }: History): Promise<StoreResult> {
  context.signal?.throwIfAborted()
  switch (content.form) {
    case 'rows': return await storeRows(content, context, { like: ofForm(like, 'rows'), bases: ofForm(bases, 'rows') })
    case 'files': return await storeFiles(content, context, { like: ofForm(like, 'files'), bases: ofForm(bases, 'files') })
    case 'bytes': {
      const tap = new Tap(content.read({ signal: context.signal }), context.onBytes)
      const stored = await storeBytes(tap.bytes(), context, { cut: content.cut, previous: ofForm(bases, 'bytes')?.root })
      return { content: stored, hash: tap.digest() }
    }
  }
}

function ofForm<F extends StoredContent['form']> (content: StoredContent | undefined, form: F): Extract<StoredContent, { form: F }> | undefined
function ofForm (content: StoredContent | undefined, form: StoredContent['form']): StoredContent | undefined {
  return content?.form === form ? content : undefined
}

/** Takes blobs for nothing but their addresses. */
const HASHING: Pick<BlobWriter, 'put' | 'get'> = {
  put: async bytes => ({ address: digestOf('sha256', bytes, 'hex'), stored: 'present', storedBytes: 0 }),
  get: async () => undefined,
}
