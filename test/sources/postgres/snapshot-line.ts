import { createRepository } from '../../../src/cas/repository.ts'
import type { Repository } from '../../../src/cas/repository.ts'
import { sameContent } from '../../../src/dag/content.ts'
import { findNode } from '../../../src/dag/node-map.ts'
import type { NodeBlock } from '../../../src/dag/node.ts'
import { newestView, readNode } from '../../../src/engine/snapshot-view.ts'
import { createSnapshot } from '../../../src/engine/snapshot.ts'
import type { CaptureSummary, Source } from '../../../src/sources/source.ts'
import { memoryBackend } from '../../../src/storage/memory-backend.ts'
import { captured } from './captured-artifacts.ts'

const PROJECT = 'default'

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
    const { summaries } = await createSnapshot(this.#repository, { sources: [source], description: '' })
    return summaries[0]!
  }

  /** The node of that id in the last snapshot. */
  async node (id: string): Promise<NodeBlock | undefined> {
    const view = await newestView(this.#repository, PROJECT)
    const cid = view === undefined ? undefined : await findNode(view.block.nodes, id, this.#repository)
    return cid === undefined ? undefined : await readNode(this.#repository, cid, id)
  }

  /** Ids of rows of which the last snapshot holds others than `source`, which reads everything, now gives. */
  async differing (source: Source): Promise<string[]> {
    const { seed, chunker } = this.#repository.config
    const capture = await source.capture()
    try {
      const ids: string[] = []
      for await (const { id, kind, content } of capture.artifacts()) {
        if (kind !== 'pg.rows') continue
        const node = await this.node(id)
        if (node === undefined || !await sameContent(content, node.content, node.hash, { seed, chunker })) ids.push(id)
      }
      return ids
    } finally {
      await capture.close()
    }
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

/** The source, told of another previous capture than the one there was: one that a guard lets pass. */
export function deceived (source: Source, deceive: (previous: CaptureSummary, present: CaptureSummary) => CaptureSummary): Source {
  return {
    name: source.name,
    capture: async ({ previous, ...options } = {}) => {
      const present = (await captured(source)).summary
      return await source.capture({ ...options, previous: previous && deceive(previous, present) })
    },
  }
}

/** The previous capture with some facts of the present one. */
export function withFacts (...names: readonly string[]): (previous: CaptureSummary, present: CaptureSummary) => CaptureSummary {
  return (previous, present) => ({ ...previous, facts: { ...previous.facts, ...Object.fromEntries(names.map(name => [name, present.facts[name]!])) } })
}

/** The previous capture with what the present one tells of the tables: oids, files and shapes. */
export function withTables (previous: CaptureSummary, present: CaptureSummary): CaptureSummary {
  return withFacts('reads')(previous, present)
}
