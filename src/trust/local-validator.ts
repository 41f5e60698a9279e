import { BackupError } from '../errors.ts'
import type { Address, BlobReader } from '../cas/blob-store.ts'
import { addressOf } from '../dag/block.ts'
import { decodeNode } from '../dag/node.ts'
import { readNodeMap } from '../dag/node-map.ts'
import { topologicalOrder } from '../dag/order.ts'
import { decodeSnapshot } from '../dag/snapshot.ts'
import { walk } from '../dag/walk.ts'
import type { AbortOptions } from '../stream.ts'
import type { Proposal, Validator, Verdict } from './validator.ts'

export interface LocalValidatorOptions {
  /** @default 'local' */
  readonly name?: string
}

/** Errors that a verdict reports; the first ones say enough. */
const MAX_ERRORS = 20

/**
 * Re-reads what was just written: decodes every block, checks deps, cycles and input hashes, and reads every new chunk whole.
 * It runs on the host that made the snapshot: it finds a faulty disk or a fault of ours, not a dishonest host.
 */
export function localValidator ({ name = 'local' }: LocalValidatorOptions = {}): Validator {
  return {
    name,
    async validate (proposal, options = {}): Promise<Verdict> {
      const errors = await graphErrors(proposal, options)
      const { blobs, errors: dataErrors } = errors.length > 0 ? { blobs: 0, errors: [] } : await dataCheck(proposal, options)
      const all = [...errors, ...dataErrors]
      return { validator: name, accepts: all.length === 0, checked: 'data', blobs, errors: all.slice(0, MAX_ERRORS) }
    },
  }
}

interface SlimNode {
  readonly id: string
  readonly deps: readonly string[]
  readonly hash: string
  readonly inputHashes: readonly string[]
}

async function graphErrors ({ root, blobs }: Proposal, { signal }: AbortOptions): Promise<string[]> {
  try {
    const snapshot = decodeSnapshot(await need(blobs, addressOf(root)), root)
    const nodes = new Map<string, SlimNode>()
    for await (const { id, cid } of readNodeMap(snapshot.nodes, blobs)) {
      signal?.throwIfAborted()
      const node = decodeNode(await need(blobs, addressOf(cid)), cid)
      if (node.id !== id) return [`the map says ${id} where the block says ${node.id}`]
      nodes.set(id, { id, deps: node.deps, hash: node.hash, inputHashes: node.metadata.inputHashes })
    }
    topologicalOrder(nodes.values())
    return [...nodes.values()].filter(node => !inputsAgree(node, nodes)).map(node => `${node.id} names other input hashes than its deps have`)
  } catch (error) {
    if (error instanceof BackupError && !error.code.startsWith('STORAGE_')) return [error.message]
    throw error
  }
}

function inputsAgree ({ deps, inputHashes }: SlimNode, nodes: ReadonlyMap<string, SlimNode>): boolean {
  return deps.length === inputHashes.length && deps.every((dep, index) => nodes.get(dep)?.hash === inputHashes[index])
}

async function dataCheck ({ root, blobs, isNew }: Proposal, { signal }: AbortOptions): Promise<{ blobs: number, errors: string[] }> {
  let count = 0
  const errors: string[] = []
  try {
    for await (const { address, kind } of walk([root], blobs, { skip: address => !isNew(address) })) {
      signal?.throwIfAborted()
      count++
      if (kind === 'chunk') await need(blobs, address)
    }
  } catch (error) {
    if (!(error instanceof BackupError) || error.code.startsWith('STORAGE_')) throw error
    errors.push(error.message)
  }
  return { blobs: count, errors }
}

async function need (blobs: BlobReader, address: Address): Promise<Uint8Array> {
  const bytes = await blobs.get(address)
  if (bytes === undefined) throw new BackupError('BLOB_MISSING', `blob ${address} cannot be read back`, { data: { address } })
  return bytes
}
