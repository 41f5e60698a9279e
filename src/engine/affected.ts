import type { Address, BlobReader } from '../cas/blob-store.ts'
import { addressOf } from '../dag/block.ts'
import type { CID } from '../dag/block.ts'
import { decodeKey } from '../dag/key-order.ts'
import type { NodeBlock } from '../dag/node.ts'
import { readEntries } from '../dag/tree-reader.ts'
import { walk } from '../dag/walk.ts'
import type { AbortOptions } from '../stream.ts'
import { isDamage } from './damage.ts'

/** Damage seen from an artifact. */
export interface ArtifactDamage {
  readonly address: Address
  /** `rows from (17) on, 210 rows`, `bytes 65536 to 131071`, or the part of the graph that is lost. */
  readonly detail: string
}

/** What of a node's content is in `damaged` or cannot be reached. */
export async function damageOfNode (node: NodeBlock, blobs: BlobReader, damaged: ReadonlySet<Address>, { signal }: AbortOptions = {}): Promise<ArtifactDamage[]> {
  const found: ArtifactDamage[] = []
  const onBroken = ({ address }: { readonly address: Address }): void => { found.push({ address, detail: 'a block of its list of chunks' }) }
  for await (const { address, kind } of walk([node.content.root], blobs, { signal, onBroken })) {
    if (damaged.has(address) || (kind === 'chunk' && !await blobs.has(address))) found.push({ address, detail: await placeOf(node, address, blobs) })
  }
  return found
}

/** Where in the content a chunk stands. */
async function placeOf ({ content }: NodeBlock, address: Address, blobs: BlobReader): Promise<string> {
  if (content.root.code === RAW) return 'all of it'
  let offset = 0
  try {
    for await (const { link, size, count, key, refs = [] } of readEntries(content.root, blobs)) {
      const isHere = addressOf(link) === address || await holds(refs, address, blobs)
      if (isHere && content.form !== 'bytes') return `${content.form === 'files' ? 'files' : 'rows'} from ${key === undefined || content.key.length === 0 ? `position ${offset}` : `(${decodeKey(key).join(', ')})`} on, ${count ?? 0} of them`
      if (isHere) return `bytes ${offset} to ${offset + size - 1}`
      offset += content.form === 'bytes' || content.key.length > 0 ? size : count ?? 0
    }
  } catch (error) {
    if (!isDamage(error)) throw error
  }
  return 'a block of its list of chunks'
}

const RAW = 0x55

async function holds (refs: readonly CID[], address: Address, blobs: BlobReader): Promise<boolean> {
  for await (const visit of walk(refs, blobs, { onBroken: () => undefined })) if (visit.address === address) return true
  return false
}
