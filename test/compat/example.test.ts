import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRepository } from '../../src/cas/repository.ts'
import type { Repository } from '../../src/cas/repository.ts'
import { diffSnapshots } from '../../src/engine/diff.ts'
import { restoreSnapshot } from '../../src/engine/restore.ts'
import { findView, listViews, loadNodes } from '../../src/engine/snapshot-view.ts'
import { verifyRepository } from '../../src/engine/verify.ts'
import { readRows } from '../../src/dag/read-content.ts'
import { AgentOutputs } from '../../src/sources/agents/agent-outputs.ts'
import { directoryBackend } from '../../src/storage/directory-backend.ts'
import { collect } from '../../src/stream.ts'

describe('the example repository of format 1', () => {
  let folder: string
  let repository: Repository

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'caf-example-'))
    await cp('.backups-example', folder, { recursive: true })
    repository = await openRepository(directoryBackend(folder))
  })

  afterAll(async () => {
    await repository.close()
    await rm(folder, { recursive: true })
  })

  it('opens, with the same roots as ever', async () => {
    expect((await listViews(repository)).map(view => [view.block.description, view.root.toString()])).toMatchInlineSnapshot(`
      [
        [
          "the first day",
          "bafyreiajtdkz5xqcz4wzw4dokocrucqsba3sg7g2izqsosleoasyi3clyu",
        ],
        [
          "the second day",
          "bafyreiarm5hu36v75ge7a5jawqtebafw2nkbf7jvyzw46rkr2bvc6x5pua",
        ],
      ]
    `)
  })

  it('is whole, down to the last byte', async () => {
    expect(await Array.fromAsync(verifyRepository(repository, { readData: 'all' }))).toEqual([])
  })

  it('gives back rows that were stored as differences', async () => {
    const nodes = await loadNodes(await findView(repository, 'latest'), repository)
    const content = nodes.get('postgres/rows/public.facts')?.node.content
    if (content?.form !== 'rows') throw new Error('the example has a table of facts')
    const text = Buffer.from(await collect(readRows(content, repository), { limit: 10_000_000 })).toString()
    const expected = Array.from({ length: 20_100 }, (_, index) => `${index + 1}\t${index % 997 === 0 ? 'rewritten' : 'fact'} number ${index + 1}\t\\N\n`).join('')
    expect(text === expected).toBe(true)
  })

  it('knows what changed between its two days', async () => {
    const [first, second] = await listViews(repository)
    const changes = await Array.fromAsync(diffSnapshots(repository, first!.id, second!.id))
    expect(changes.map(({ id, change, rows }) => ({ id, change, rows }))).toEqual([
      { id: 'agents/output/answer', change: 'changed', rows: undefined },
      { id: 'postgres/rows/public.facts', change: 'changed', rows: { added: 100, removed: 0, changed: 20 } },
    ])
  })

  it('restores an agent\'s output', async () => {
    const outputs = new AgentOutputs()
    const policy = { strategy: 'selective', select: { nodes: ['agents/output/answer'] } } as const
    await restoreSnapshot(repository, 'example/latest', { restorers: [outputs], policy })
    expect(outputs.get('answer')).toBe('hello again')
    expect(outputs.get('plan')).toEqual({ steps: ['listen', 'answer'] })
  })
})
