import { describe, expect, it } from 'vitest'
import { createHash } from 'node:crypto'
import type { ArchiveManifest } from '../../src/caf/manifest.ts'
import { checkManifestMembers, decodeManifest, encodeManifest } from '../../src/caf/manifest.ts'

const manifest: ArchiveManifest = {
  format: 1, kind: 'caf', created: '2026-11-21T08:00:00.000Z', generator: 'caf test', root: 'bafyreib', snapshot: '0'.repeat(32), project: 'p', description: 'd', tags: ['t'],
  brainVersion: null, totalMemories: 3, encryption: null,
  nodes: [{ id: 'a/matrix/x', kind: 'matrix', hash: '1'.repeat(64), entry: 'matrices/x.npy', size: 7, rows: 0 }],
  entries: [{ path: 'matrices/x.npy', size: 7, sha256: '2'.repeat(64) }],
}

/** The manifest with some members changed, and its integrity made right again. */
function changed (change: Record<string, unknown>): Uint8Array {
  const { integrity: _, ...members } = JSON.parse(Buffer.from(encodeManifest(manifest)).toString()) as Record<string, unknown>
  const all = { ...members, ...change }
  return Buffer.from(JSON.stringify({ ...all, integrity: createHash('sha256').update(JSON.stringify(all)).digest('hex') }))
}

describe('a manifest', () => {
  it('comes back as it was', () => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest)
  })

  it('has its integrity over its compact JSON, as the format says', () => {
    const { integrity, ...members } = JSON.parse(Buffer.from(encodeManifest(manifest)).toString()) as Record<string, unknown>
    expect(Object.keys(members)).toEqual(['format', 'kind', 'created', 'generator', 'root', 'snapshot', 'project', 'description', 'tags', 'brainVersion', 'totalMemories', 'encryption', 'nodes', 'entries'])
    expect(integrity).toBe(createHash('sha256').update(JSON.stringify(members)).digest('hex'))
  })

  it('takes a million nodes and entries and no more', () => {
    expect(() => { checkManifestMembers(1_000_000) }).not.toThrow()
    expect(() => { checkManifestMembers(1_000_001) }).toThrow(expect.objectContaining({ code: 'ARCHIVE_TOO_LARGE' }))
  })

  it('may have members that are not known yet', () => {
    expect(decodeManifest(changed({ later: { a: 1 } }))).toMatchObject({ project: 'p' })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['a later format', { format: 2 }, 'FORMAT_UNKNOWN'],
    ['encryption', { encryption: { kind: 'age' } }, 'FORMAT_UNKNOWN'],
    ['another kind', { kind: 'zip' }, 'ARCHIVE_INVALID'],
    ['no format', { format: undefined }, 'ARCHIVE_INVALID'],
    ['a snapshot that is no id', { snapshot: 'x' }, 'ARCHIVE_INVALID'],
    ['a negative size', { entries: [{ path: 'a', size: -1, sha256: '2'.repeat(64) }] }, 'ARCHIVE_INVALID'],
    ['a broken hash', { entries: [{ path: 'a', size: 1, sha256: 'A'.repeat(64) }] }, 'ARCHIVE_INVALID'],
    ['a node twice', { nodes: [manifest.nodes[0], manifest.nodes[0]] }, 'ARCHIVE_INVALID'],
    ['a node beyond its entry', { nodes: [{ ...manifest.nodes[0], offset: 1 }] }, 'ARCHIVE_INVALID'],
    ['a node in no entry', { nodes: [{ ...manifest.nodes[0], entry: 'b' }] }, 'ARCHIVE_CORRUPT'],
  ])('is refused with %s', (_, change, code) => {
    expect(() => decodeManifest(changed(change))).toThrow(expect.objectContaining({ code }))
  })

  it.each([
    ['that is no JSON', '{', 'ARCHIVE_INVALID'],
    ['that is no object', '[]', 'ARCHIVE_INVALID'],
    ['that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'ARCHIVE_INVALID'],
    ['that was edited', Buffer.from(encodeManifest(manifest)).toString().replace('"p"', '"q"'), 'ARCHIVE_CORRUPT'],
    ['that is nested deeper than a stack', `{"format":1,"kind":"caf","deep":${'['.repeat(100_000)}${']'.repeat(100_000)},"integrity":"${'0'.repeat(64)}"}`, 'ARCHIVE_CORRUPT'],
    ['without integrity', JSON.stringify(manifest), 'ARCHIVE_CORRUPT'],
    ['whose integrity has another length', JSON.stringify({ ...manifest, integrity: 'é'.repeat(64) }), 'ARCHIVE_CORRUPT'],
  ])('is refused as text %s', (_, text, code) => {
    expect(() => decodeManifest(Buffer.from(text))).toThrow(expect.objectContaining({ code }))
  })
})
