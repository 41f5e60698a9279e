import pg from 'pg'
import type { NodeBlock } from '../dag/node.ts'
import { readBytes } from '../dag/read-content.ts'
import { BackupError } from '../errors.ts'
import { collect } from '../stream.ts'
import type { ArchiveContext } from './archive-context.ts'
import { textOf } from './archive-context.ts'
import type { ZipSource } from './zip-writer.ts'

const SEPARATOR = Buffer.from('\n\n')
const LARGEST_SEQUENCE = 65_536

/** The SQL of many nodes in one entry, which is not deflated, so that each node's part can be read by itself. */
export function sqlEntry (path: string, head: string, nodes: readonly NodeBlock[], { blobs, signal, place }: ArchiveContext): ZipSource {
  const read = async function * (): AsyncGenerator<Uint8Array> {
    let offset = Buffer.byteLength(head)
    yield Buffer.from(head)
    for (const node of nodes) {
      place(node, path, offset)
      yield * readBytes(node.content.root, blobs, { signal })
      yield SEPARATOR
      offset += node.content.size + SEPARATOR.length
    }
  }
  return { path, method: 'store', read }
}

/** The positions of sequences as SQL, one a line, each with its node's own text in a comment at the end. */
export function sequencesEntry (path: string, nodes: readonly NodeBlock[], { blobs, signal, place }: ArchiveContext): ZipSource {
  const read = async function * (): AsyncGenerator<Uint8Array> {
    let offset = 0
    for (const node of nodes) {
      const json = await collect(readBytes(node.content.root, blobs, { signal }), { limit: LARGEST_SEQUENCE })
      const start = Buffer.from(`${setPosition(node, json)} -- `)
      place(node, path, offset + start.length)
      const line = Buffer.concat([start, json, Buffer.from('\n')])
      yield line
      offset += line.length
    }
  }
  return { path, method: 'store', read }
}

function setPosition (node: NodeBlock, json: Uint8Array): string {
  const { lastValue, isCalled } = positionOf(node, json)
  const name = `${pg.escapeIdentifier(textOf(node, 'schema'))}.${pg.escapeIdentifier(textOf(node, 'name'))}`
  return `SELECT pg_catalog.setval(${pg.escapeLiteral(name).trimStart()}, ${lastValue}, ${isCalled});`
}

/** A text with a line's end would end the comment it is written into: the rest would be run. */
function positionOf ({ id }: NodeBlock, json: Uint8Array): { readonly lastValue: string, readonly isCalled: boolean } {
  const text = Buffer.from(json).toString('utf8')
  const invalid = (cause?: unknown): BackupError => new BackupError('NODE_INVALID', `node ${id} is not the position of a sequence: ${text.slice(0, 200)}`, { data: { id }, cause })
  if (/[\r\n]/.test(text)) throw invalid()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw invalid(cause)
  }
  if (typeof value !== 'object' || value === null || !('lastValue' in value) || !('isCalled' in value)) throw invalid()
  const { lastValue, isCalled } = value
  if (typeof lastValue !== 'string' || !/^-?[0-9]+$/.test(lastValue) || typeof isCalled !== 'boolean') throw invalid()
  return { lastValue, isCalled }
}
