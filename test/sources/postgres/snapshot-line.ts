import { randomUUID } from 'node:crypto'
import { createRepository } from '../../../src/cas/repository.ts'
import type { Repository } from '../../../src/cas/repository.ts'
import { sameContent } from '../../../src/dag/content.ts'
import { findNode } from '../../../src/dag/node-map.ts'
import type { NodeBlock } from '../../../src/dag/node.ts'
import { findView, readNode } from '../../../src/engine/snapshot-view.ts'
import type { SnapshotRequest } from '../../../src/engine/snapshot.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import type { CaptureSummary, Source } from '../../../src/sources/source.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'

const LINE = 'default'

/** Snapshots of one source, each the parent of the next, in memory. */
export class SnapshotLine {
  readonly #repository: Repository

  private constructor (repository: Repository) {
    this.#repository = repository
  }

  static async begin (): Promise<SnapshotLine> {
    return new SnapshotLine(await createRepository(memoryBackend()))
  }

  async take (source: Source): Promise<CaptureSummary> {
    return await this.#take(source, { project: LINE })
  }

  /** A snapshot that nobody builds on, taken as if `previous` were what the parent `of` said. */
  async takeDeceived (source: Source, { of, previous }: { readonly of: string, readonly previous: CaptureSummary }): Promise<string> {
    const project = randomUUID()
    const deceived: Source = { name: source.name, capture: async options => await source.capture({ ...options, previous }) }
    await this.#take(deceived, { project, relative: await findView(this.#repository, of) })
    return project
  }

  /** The id of the last snapshot. */
  async last (): Promise<string> {
    return (await findView(this.#repository, `${LINE}/latest`)).id
  }

  /** The node of that id in the last snapshot. */
  async node (id: string, line = LINE): Promise<NodeBlock | undefined> {
    const view = await findView(this.#repository, `${line}/latest`)
    const cid = await findNode(view.block.nodes, id, this.#repository)
    return cid === undefined ? undefined : await readNode(this.#repository, cid, id)
  }

  /** Tables of which the last snapshots of lines hold other rows than `source`, which reads everything, now gives. */
  async differing (source: Source, lines: readonly string[] = [LINE]): Promise<string[][]> {
    const { seed, chunker } = this.#repository.config
    const capture = await source.capture()
    try {
      const differing = lines.map((): string[] => [])
      for await (const { id, kind, content } of capture.artifacts()) {
        if (kind !== 'pg.rows') continue
        for (const [index, line] of lines.entries()) {
          const node = await this.node(id, line)
          if (node === undefined || !await sameContent(content, node.content, node.hash, { seed, chunker })) differing[index]!.push(id)
        }
      }
      return differing
    } finally {
      await capture.close()
    }
  }

  async #take (source: Source, options: Pick<SnapshotRequest, 'project' | 'relative'>): Promise<CaptureSummary> {
    const { summaries } = await createSnapshot(this.#repository, { sources: [source], description: '', ...options })
    return summaries[0]!
  }

  async close (): Promise<void> {
    await this.#repository.close()
  }
}

/** How the tables of a capture were read: 0 for in full, else how many times in a row by what changed. */
export function incrementals ({ facts }: CaptureSummary): Record<string, number> {
  const { tables } = facts['reads'] as unknown as { readonly tables: Readonly<Record<string, readonly [string, string, string, number]>> }
  return Object.fromEntries(Object.entries(tables).map(([id, [, , , count]]) => [id.replace('postgres/rows/public.', ''), count]))
}

/** The capture with some facts of a later one, so that a guard lets it pass. */
export function withFactsOf (later: CaptureSummary, ...names: readonly string[]): (capture: CaptureSummary) => CaptureSummary {
  return capture => ({ ...capture, facts: { ...capture.facts, ...Object.fromEntries(names.map(name => [name, later.facts[name] ?? null])) } })
}
