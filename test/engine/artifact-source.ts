import type { Artifact, Source } from '../../src/sources/source.ts'

/** An artifact of which only what a test is about need be said. */
export type SomeArtifact = Pick<Artifact, 'id' | 'kind' | 'content'> & Partial<Artifact>

/** A source of just these artifacts, asked for anew at each capture. */
export function artifactSource (name: string, artifacts: () => readonly SomeArtifact[]): Source & { captures: number, closed: number } {
  const source = {
    name,
    captures: 0,
    closed: 0,
    capture: async () => {
      source.captures++
      return {
        async * artifacts () { for (const artifact of artifacts()) yield { deps: [], attributes: {}, ...artifact } },
        finish: async () => ({ begin: '2026-11-21T00:00:00.000Z', end: '2026-11-21T00:00:01.000Z', facts: {}, notes: [] }),
        close: async () => { source.closed++ },
      }
    },
  }
  return source
}
