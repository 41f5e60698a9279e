import { createHash } from 'node:crypto'
import type { Artifact, ByteContent, RestoreItem, Source } from '../../src/sources/source.ts'
import { bytesOf, collect } from '../../src/stream.ts'

const LIMIT = { limit: 1_000_000_000 }

/** Captures everything of a source whose artifacts are bytes, as the engine would hand it to a restorer. */
export async function captureItems (source: Source): Promise<RestoreItem[]> {
  const capture = await source.capture()
  try {
    return await Array.fromAsync(capture.artifacts(), async artifact => bytesItem(artifact, await collect(bytesContent(artifact).read(), LIMIT)))
  } finally {
    await capture.close()
  }
}

export function bytesItem ({ id, kind, deps, attributes }: Pick<Artifact, 'id' | 'kind' | 'deps' | 'attributes'>, bytes: Uint8Array): RestoreItem {
  return {
    id,
    kind,
    deps,
    attributes,
    sizeBytes: bytes.length,
    rows: 0,
    async * read ({ signal } = {}) {
      for (let offset = 0; offset < bytes.length; offset += 65_536) {
        signal?.throwIfAborted()
        yield * bytesOf(bytes.subarray(offset, offset + 65_536))
      }
    },
    entries () { throw new Error('no folder tree') },
    async equals (other) { return Buffer.concat(await Array.fromAsync(other)).equals(bytes) },
    async matches (content) {
      if (content.form !== 'bytes') return false
      const hash = createHash('sha256')
      for await (const piece of content.read()) hash.update(piece)
      return hash.digest('hex') === createHash('sha256').update(bytes).digest('hex')
    },
  }
}

export function bytesContent ({ id, content }: Artifact): ByteContent {
  if (content.form !== 'bytes') throw new Error(`${id} has no bytes`)
  return content
}
